#=> memory_limit | timeout | error
#! timeout=300
[1].fill(2, 0, 2**40)
