#=> memory_limit
#! timeout=30000
h = Hash.new { |hash, key| hash[key] = 'x' * 1000 }
n = 0
loop { h[n += 1] }
