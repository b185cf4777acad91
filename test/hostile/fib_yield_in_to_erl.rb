#=> error class=FiberError
class Foo
  def to_erl = Fiber.yield(1)
end
Fiber.new { send_response(Foo.new) }.resume
