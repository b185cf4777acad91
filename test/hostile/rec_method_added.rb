#=> error | ok
class Module
  def method_added(name) = Class.new { def a = 1 }
end
class Foo
  def a = 1
end
Foo.new.a
