#=> memory_limit | timeout | error
n = 2
loop { n = n * n }
