#=> error
class Exception
  def is_a?(*) = false
  def kind_of?(*) = raise('x')
  def instance_of?(*) = nil
  def respond_to?(*) = false
  def ==(other) = raise('y')
  def hash = raise('z')
end
raise 'x'
