#=> timeout
#! timeout=50
$a = Fiber.new { loop { $b.transfer } }
$b = Fiber.new { loop { $a.transfer } }
$a.transfer
