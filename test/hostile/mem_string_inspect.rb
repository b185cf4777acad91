#=> memory_limit
#! timeout=30000
("\x01" * 6_000_000).inspect.inspect
