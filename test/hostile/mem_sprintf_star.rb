#=> memory_limit | error
#! timeout=30000
'%*d' % [2**31 - 8, 1]
