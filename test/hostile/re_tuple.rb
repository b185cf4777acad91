#=> ok
class Erlang::Tuple
  def size = 2**40
  def to_a = nil
  def each = loop {}
  def hash = raise('x')
  def ==(other) = raise('y')
  def [](*) = raise('z')
  def frozen? = false
end
[Erlang::Tuple[1, 2], Erlang::Tuple[3]]
