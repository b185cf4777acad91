#=> memory_limit | exit memory_limit
#! memory_limit=8000000
JSON.parse('[' + '[],' * 600_000 + '1]')
