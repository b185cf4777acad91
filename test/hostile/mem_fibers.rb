#=> memory_limit
#! timeout=30000
all = []
loop { all << Fiber.new { Fiber.yield 1 }.tap(&:resume) }
