#=> error
f = Fiber.new { 1 }
f.dup.resume
