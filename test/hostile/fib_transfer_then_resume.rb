#=> error class=FiberError
$a = Fiber.new { $b = Fiber.new { Fiber.yield 1 }; $b.transfer }
$a.transfer
$b.resume
