#=> error class=Erlang::TermError
class Foo
  def to_erl = self
end
Foo.new
