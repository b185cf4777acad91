#=> memory_limit | error
#! timeout=30000
'%2000000000s' % 'x'
