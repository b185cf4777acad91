#=> timeout | memory_limit | error
#! timeout=100
# Each fiber that is resumed from C takes a new piece of the C stack.
hash = Hash.new { |h, key| Fiber.new { h[key + 1] }.resume }
hash[0]
