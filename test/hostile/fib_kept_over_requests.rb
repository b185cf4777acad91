#=> ok 1
$fiber = Fiber.new { loop { Fiber.yield 1 } }
$fiber.resume
$fiber.resume
