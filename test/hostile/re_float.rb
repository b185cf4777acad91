#=> ok
class Float
  def to_s = 1
  def to_f = nil
  def hash = nil
  def ==(other) = raise('x')
end
puts 1.5
{ 1.5 => 2.5, 2.5 => 1 }
