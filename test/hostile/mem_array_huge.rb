#=> memory_limit | error
#! timeout=30000
Array.new(2**60)
