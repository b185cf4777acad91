#=> memory_limit | error
#! timeout=30000
'x' * (2**62)
