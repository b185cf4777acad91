#=> timeout
#! timeout=50
Fiber.new { loop {} }.resume
