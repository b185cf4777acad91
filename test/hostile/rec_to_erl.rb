#=> error class=Erlang::TermError
class Foo
  def to_erl = [Foo.new]
end
Foo.new
