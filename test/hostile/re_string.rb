#=> ok
#! next=any
class String
  def to_s = self + 'x'
  def inspect = 1
  def ==(other) = raise('no')
  def hash = 1
  def size = -1
  def bytesize = 2**60
  def length = nil
  def eql?(other) = nil
end
puts 'a'
{ 'a' => 1 }
