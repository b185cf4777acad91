#=> ok
class Foo
  attr_reader :n
  def initialize(n) = @n = n
  def hash = ('x' * 1000).size
  def eql?(other) = [n] * 100 == [other.n] * 100
  def <=>(other) = (('x' * 100) + n.to_s) <=> (('x' * 100) + other.n.to_s)
end
a = (1..60).map { |n| Foo.new(n % 30) }
[a.uniq.size, a.sort.size, a.tally.size, (a & a).size, a.map { |x| [x, 1] }.to_h.size]
