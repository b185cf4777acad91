#=> memory_limit | error
#! timeout=30000
a = [1]
a[2**59, 1] = [1, 2, 3]
