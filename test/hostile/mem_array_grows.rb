#=> memory_limit
#! timeout=30000
a = []
loop { a << 1 << 2 << 3 << 4 << 5 << 6 << 7 << 8 }
