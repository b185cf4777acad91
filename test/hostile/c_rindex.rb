#=> ok nil | timeout | exit killed
#! timeout=50 grace=3
('a' * 1_000_000).rindex('b' + 'a' * 500_000)
