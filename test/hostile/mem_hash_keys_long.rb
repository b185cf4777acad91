#=> memory_limit
#! timeout=30000
h = {}
n = 0
loop { h['x' * 100_000 + (n += 1).to_s] = 1 }
