#=> ok
class Symbol
  def to_s = nil
  def to_sym = 5
  def hash = raise('x')
  def inspect = 1
  def to_proc = nil
end
p :a
{ a: 1, b: :error }
