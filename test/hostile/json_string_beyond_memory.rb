#=> memory_limit | exit memory_limit
#! memory_limit=8000000
JSON.generate(["\0" * 3_000_000])
