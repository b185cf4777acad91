#=> error | ok
class BasicObject
  def method_missing(*) = 5
  def respond_to_missing?(*) = true
end
nil.foo.bar.baz
Object.new
