#=> error
Fiber.allocate.resume
