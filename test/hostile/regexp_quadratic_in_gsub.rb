#=> timeout
#! timeout=100
('ab' * 100_000).gsub(/a(?=.*c)/, '')
