#=> memory_limit | error
#! timeout=30000
[1].insert(2**59, 2)
