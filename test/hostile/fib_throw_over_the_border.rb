#=> error class=UncaughtThrowError
catch(:ball) { Fiber.new { throw :ball, 1 }.resume }
