#=> timeout | memory_limit | error
#! timeout=100
# A stack of Ruby for each: memory ends it, or time.
def deeper(n) = Fiber.new { deeper(n + 1) }.resume
deeper(0)
