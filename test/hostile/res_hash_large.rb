#=> ok | timeout | memory_limit
h = {}
50_000.times { |n| h[n] = n }
h
