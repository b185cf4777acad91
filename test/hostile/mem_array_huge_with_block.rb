#=> memory_limit | timeout | error
Array.new(2**40) { 1 }
