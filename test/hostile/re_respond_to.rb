#=> error
class Object
  def respond_to?(*) = raise('r')
  def to_erl = raise('q')
end
Object.new
