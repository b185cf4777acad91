#=> timeout
#! timeout=100
h = {}
50_000.times { |n| h[n] = n }
loop { h.rehash; h == h.dup }
