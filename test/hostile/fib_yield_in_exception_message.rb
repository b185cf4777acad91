#=> error class=Foo
class Foo < StandardError
  def message = Fiber.yield('x')
end
Fiber.new { raise Foo }.resume
