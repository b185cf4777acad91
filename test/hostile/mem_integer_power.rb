#=> memory_limit | error
#! timeout=30000
2**(2**40)
