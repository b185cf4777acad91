#=> ok 1
$fiber = Fiber.new { eval('x = 1; Fiber.yield x; loop {}') }
$fiber.resume
