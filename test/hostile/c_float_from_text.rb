#=> ok | timeout | exit killed
#! timeout=50 grace=3
('1' * 2_000_000).to_f
1
