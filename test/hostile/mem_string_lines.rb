#=> memory_limit
#! timeout=30000
("\n" * 2_000_000).lines
