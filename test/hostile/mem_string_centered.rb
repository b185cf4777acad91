#=> memory_limit | error
#! timeout=30000
'x'.center(2**62)
