#=> ok | error
class Object
  def ==(other) = true
  def equal?(other) = true
  def eql?(other) = true
  def hash = 0
  def <=>(other) = 0
end
a = (1..100).map { Object.new }
[a.uniq.size, a.index(Object.new), a.include?(1), { a[0] => 1, a[1] => 2 }.size, a.sort.size]
