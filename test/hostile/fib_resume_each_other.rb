#=> error class=FiberError
$a = Fiber.new { $b.resume }
$b = Fiber.new { $a.resume }
$a.resume
