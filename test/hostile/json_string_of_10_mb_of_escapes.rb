#=> ok true | memory_limit
#! memory_limit=200000000
s = "\n" * 5_000_000
JSON.parse(JSON.generate([s]))[0] == s
