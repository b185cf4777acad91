#=> memory_limit
#! timeout=30000
h = {}
n = 0
loop { h[n += 1] = n.to_s }
