#=> timeout | exit killed
#! timeout=50 grace=3
('a' * 1_000_000).split('a' * 500_000 + 'b')
