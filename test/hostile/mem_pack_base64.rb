#=> memory_limit
#! timeout=30000
['x' * 12_000_000].pack('m')
