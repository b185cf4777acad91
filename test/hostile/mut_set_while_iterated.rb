#=> ok | error | timeout | memory_limit
#! timeout=100
s = Set.new([1, 2, 3])
s.each { |x| s << x + 3 }
