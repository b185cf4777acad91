#=> error | timeout
class Foo < StandardError
  def message = raise(Erlang::Timeout)
end
raise Foo
