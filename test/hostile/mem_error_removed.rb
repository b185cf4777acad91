#=> memory_limit | error | exit stack_overflow | exit memory_limit
#! timeout=30000
Object.send(:remove_const, :NoMemoryError)
GC.start
5000.times { Class.new }
'x' * 100_000_000
