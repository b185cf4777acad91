#=> memory_limit
#! timeout=30000
s = 'x' * 100_000
loop { s.insert(50_000, s) }
