#=> error | ok | timeout | memory_limit
#! timeout=100
h = { 1 => 2 }
h.each { |key, _| h[key + 1] = 1 }
