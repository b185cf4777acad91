#=> error class=JSON::ParserError
JSON.parse('{"a":' * 200_000, max_nesting: 0)
