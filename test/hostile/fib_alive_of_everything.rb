#=> ok
a = Fiber.new { Fiber.yield }
b = Fiber.new {}
b.resume
a.resume
[a.alive?, b.alive?, a == b, a.inspect.size, a.hash].size
