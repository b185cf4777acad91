#=> ok 10000000
#! memory_limit=200000000
s = 'a' * 10_000_000
JSON.parse(JSON.generate([s]))[0].size
