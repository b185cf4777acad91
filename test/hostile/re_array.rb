#=> ok
class Array
  def each = raise('no')
  def size = 2**40
  def [](*) = 7
  def length = -1
  def hash = 2**70
  def eql?(other) = nil
  def to_a = nil
  def first = raise('no')
end
puts [1, 2]
{ [1] => 2 }
