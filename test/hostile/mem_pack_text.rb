#=> memory_limit
#! timeout=30000
['x'].pack('a2000000000')
