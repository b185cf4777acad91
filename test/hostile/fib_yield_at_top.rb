#=> error class=FiberError
Fiber.yield 1
