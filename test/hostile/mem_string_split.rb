#=> memory_limit
#! timeout=30000
('a ' * 1_000_000).split(' ')
