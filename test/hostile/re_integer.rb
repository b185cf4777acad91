#=> ok
#! next=any
class Integer
  def +(other) = self - 1
  def *(other) = nil
  def ==(other) = true
  def hash = self
  def <(other) = loop {}
  def to_s(*) = nil
  def coerce(other) = nil
  def to_i = 'x'
end
puts 5
{ 1 => 2 }
