#=> memory_limit
#! timeout=30000
('a'..'z' * 10).to_a
