#=> ok | timeout | memory_limit
'x' * 7_000_000
