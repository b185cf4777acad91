#=> memory_limit
#! timeout=30000
([[1] * 10_000] * 1000).transpose
