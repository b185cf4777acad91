#=> error | timeout | memory_limit
#! timeout=300
# Each next is a fiber.
def deeper = Enumerator.new { |y| y << deeper.next }
deeper.next
