#=> error class=FiberError | ok
class Foo
  def to_s = Fiber.yield('x')
end
Fiber.new { puts Foo.new }.resume
