#=> error class=SystemStackError
class Foo
  def respond_to?(*) = respond_to?(:deeper)
  def respond_to_missing?(*) = respond_to?(:deeper)
end
Foo.new.respond_to?(:anything)
