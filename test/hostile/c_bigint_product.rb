#=> timeout | exit killed | ok 1
#! timeout=50 grace=3
x = 3**300_000
x = x * x
x = x * x
1
