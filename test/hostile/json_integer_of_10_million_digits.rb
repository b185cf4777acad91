#=> timeout | exit killed | memory_limit
#! timeout=500 memory_limit=200000000
JSON.parse('9' * 10_000_000)
