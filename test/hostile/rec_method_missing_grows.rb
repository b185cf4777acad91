#=> error class=SystemStackError
# A longer name and one more argument at each level.
class Foo
  def method_missing(name, *args, &block) = send(:"#{name}x", *args, 1, &block)
end
Foo.new.x
