#=> timeout | exit killed | memory_limit
#! timeout=50 grace=3
(1 << 10_000_000).to_s
