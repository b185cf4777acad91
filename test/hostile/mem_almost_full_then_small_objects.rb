#=> memory_limit | ok
#! timeout=30000
a = ['x' * 14_000_000]
b = []
200_000.times { b << 'y' * 20 }
a.size
