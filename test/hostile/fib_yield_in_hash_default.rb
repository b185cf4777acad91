#=> error class=FiberError
fiber = Fiber.new { Hash.new { Fiber.yield 1 }[0] }
fiber.resume
fiber.resume
