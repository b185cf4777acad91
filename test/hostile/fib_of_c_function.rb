#=> ok | error
Fiber.new(&method(:puts)).resume('x')
