#=> timeout | exit killed
#! timeout=50 grace=3
('a' * 1_000_000).sub('a' * 500_000 + 'b', 'x')
