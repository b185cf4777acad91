#=> ok
JSON.generate([1], indent: '', depth: 1 << 60, max_nesting: 0)
JSON.pretty_generate([[1]], indent: '', depth: 300_000_000, max_nesting: 0)
1
