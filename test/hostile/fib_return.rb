#=> error class=LocalJumpError | ok 1
Fiber.new { return 1 }.resume
