#=> timeout | memory_limit
#! timeout=100
a = [1]
a.each { |x| a << x }
