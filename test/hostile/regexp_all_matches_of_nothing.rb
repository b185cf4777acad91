#=> ok 1 | memory_limit
#! timeout=10000
('ä' * 20_000).scan(//).size
('ä' * 20_000).gsub(//, '-').size
('ä' * 20_000).split(//).size
('ä' * 20_000).gsub(/\b|\B/) { '' }
1
