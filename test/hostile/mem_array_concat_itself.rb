#=> memory_limit
#! timeout=30000
a = [1]
loop { a.concat(a) }
