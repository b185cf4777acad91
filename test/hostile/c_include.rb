#=> timeout | exit killed
#! timeout=50 grace=3
('a' * 2_000_000).include?('a' * 1_000_000 + 'b')
