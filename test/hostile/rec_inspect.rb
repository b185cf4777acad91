#=> error class=SystemStackError
class Foo
  def inspect = [self].inspect
end
Foo.new.inspect
