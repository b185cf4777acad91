#=> error class=Erlang::TermError
class Foo
  def to_erl = 1
end
{ Foo.new => 1, Foo.new => 2 }
