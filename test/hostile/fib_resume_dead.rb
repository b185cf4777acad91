#=> error class=FiberError
fiber = Fiber.new {}
fiber.resume
fiber.resume
