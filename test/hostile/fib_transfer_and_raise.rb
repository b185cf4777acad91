#=> error class=RuntimeError
Fiber.new { raise 'from afar' }.transfer
