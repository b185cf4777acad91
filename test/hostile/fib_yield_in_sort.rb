#=> ok 1 | error class=FiberError
Fiber.new { [3, 1, 2].sort { Fiber.yield 1 } }.resume
