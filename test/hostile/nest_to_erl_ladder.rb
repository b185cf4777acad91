#=> ok 1 | error class=Erlang::TermError
# Eight steps are allowed.
class Foo
  def initialize(n) = @n = n
  def to_erl = @n == 0 ? 1 : Foo.new(@n - 1)
end
Foo.new(7)
