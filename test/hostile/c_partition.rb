#=> timeout | exit killed
#! timeout=50 grace=3
('a' * 1_000_000).partition('a' * 500_000 + 'b')
