#=> timeout | exit killed | ok
#! timeout=50 grace=3
(7**300_000) % (3**150_000)
1
