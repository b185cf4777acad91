#=> ok 7
Fiber.new do
  GC.start
  x = Fiber.new { GC.start; 7 }
  y = x.resume
  x = nil
  GC.start
  y
end.resume
