#=> error class=JSON::NestingError
JSON.parse('[' * 100_000 + ']' * 100_000)
