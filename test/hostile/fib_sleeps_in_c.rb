#=> ok 5
Hash.new { Fiber.new { sleep 0.01; 5 }.resume }[1]
