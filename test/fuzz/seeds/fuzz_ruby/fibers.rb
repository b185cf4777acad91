f = Fiber.new { |x| y = Fiber.yield(x + 1); y * 2 }
e = [1, 2, 3].each
[f.resume(1), f.resume(5), f.alive?, e.next, e.next, e.peek]
