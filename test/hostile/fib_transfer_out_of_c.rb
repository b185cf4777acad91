#=> error class=FiberError
Hash.new { Fiber.new { 1 }.transfer }[1]
