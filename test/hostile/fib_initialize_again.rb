#=> error
f = Fiber.new { Fiber.yield 1; 2 }
f.resume
f.send(:initialize) { 3 }
f.resume
