#=> ok [2,3] | error class=RuntimeError
class Proc
  def call(*) = raise('x')
  def to_proc = nil
  def yield(*) = raise('y')
end
[1, 2].map { |x| x + 1 }
