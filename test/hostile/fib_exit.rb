#=> exit 3
Fiber.new { exit 3 }.resume
