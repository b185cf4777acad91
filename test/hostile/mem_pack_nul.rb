#=> memory_limit | error
#! timeout=30000
['x'].pack('x2147483647')
