#=> error class=SystemStackError
class Foo
  def deeper = [self].map(&:deeper)
end
Foo.new.deeper
