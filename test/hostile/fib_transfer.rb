#=> ok 9
$a = Fiber.new { ($b = Fiber.new { $a.transfer }).transfer }
$a.transfer
9
