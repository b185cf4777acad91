#=> timeout
#! timeout=50
[3, 2, 1].sort { Fiber.new { sleep }.resume }
