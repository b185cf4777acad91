#=> memory_limit | error
#! timeout=30000
a = []
a[2**60] = 1
