#=> error | timeout
#! timeout=50
class Class
  def name = loop {}
  def to_s = 5
  def inspect = 6
end
raise 'x'
