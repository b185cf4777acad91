#=> timeout | memory_limit | error
#! timeout=200
JSON.generate([1], indent: ' ', array_nl: "\n", depth: 1 << 60, max_nesting: 0)
