#=> error
Fiber.new(&:no_such_method).resume(1)
