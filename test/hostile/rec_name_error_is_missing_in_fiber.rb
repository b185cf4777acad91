#=> exit stack_overflow
Object.send(:remove_const, :NameError)
Fiber.new { Foo }.resume
