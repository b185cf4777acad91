#=> error class=JSON::ParserError
JSON.parse('[' * 100_000, max_nesting: 0)
