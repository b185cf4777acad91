#=> memory_limit
#! timeout=30000
'x'.ljust(2**40)
