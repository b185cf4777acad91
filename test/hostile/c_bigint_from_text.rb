#=> timeout | exit killed | ok
#! timeout=50 grace=3
('9' * 1_000_000).to_i.class.to_s
