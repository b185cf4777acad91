#=> error class=FiberError | ok
Fiber.new { ObjectSpace.each_object(Object) { |o| Fiber.yield o } }.resume
