#=> timeout | exit killed | ok
#! timeout=50 grace=3
(2**2_000_000) / (3**200_000)
1
