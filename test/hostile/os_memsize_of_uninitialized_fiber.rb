#=> ok | error
# Its context is a null pointer.
ObjectSpace.memsize_of(Fiber.allocate)
