#=> error class=SystemStackError
class Foo
  def self.inherited(sub) = Class.new(sub)
end
Class.new(Foo)
