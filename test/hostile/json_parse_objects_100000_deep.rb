#=> error class=SystemStackError
JSON.parse('{"a":' * 100_000 + '1' + '}' * 100_000, max_nesting: false)
