#=> memory_limit
#! timeout=30000
('a' * 2_000_000).chars
