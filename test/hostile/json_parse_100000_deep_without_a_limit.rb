#=> error class=SystemStackError
JSON.parse('[' * 100_000 + ']' * 100_000, max_nesting: 0)
