#=> ok
f = Fiber.new { x = 1; Fiber.yield(binding); x }
b = f.resume
b.eval('x = 5')
f = nil
GC.start
b.eval('x')
