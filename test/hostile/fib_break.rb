#=> error class=LocalJumpError
Fiber.new { break 1 }.resume
