#=> timeout | memory_limit | error
#! timeout=200
a = ['x' * 80]
60.times { a = [a, a] }
pp a
