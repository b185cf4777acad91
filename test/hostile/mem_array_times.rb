#=> memory_limit | error
#! timeout=30000
[1] * (2**60)
