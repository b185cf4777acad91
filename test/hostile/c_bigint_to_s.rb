#=> timeout | exit killed | ok
#! timeout=50 grace=3
(7**200_000).to_s.size
