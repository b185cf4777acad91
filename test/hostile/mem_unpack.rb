#=> memory_limit
#! timeout=30000
('x' * 3_000_000).unpack('C*')
