#=> error class=SystemStackError
module Foo
  def self.included(into) = Class.new.include(Foo)
end
Class.new.include(Foo)
