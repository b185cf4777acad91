#=> timeout
#! timeout=50
f = Fiber.new { loop { Fiber.yield } }
loop { f.resume }
