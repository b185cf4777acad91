#=> ok
[3, 1, 2].sort { |a, b| Fiber.new { puts a; send_response(b); a <=> b }.resume }
