#=> memory_limit
#! timeout=30000
s = 'x'
loop { s = s * 2 }
