#=> memory_limit
#! timeout=30000
('a' * 1_000_000).gsub('a', 'b' * 100)
