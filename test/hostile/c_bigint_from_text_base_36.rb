#=> timeout | exit killed | ok
#! timeout=50 grace=3
('z' * 300_000).to_i(36).class.to_s
