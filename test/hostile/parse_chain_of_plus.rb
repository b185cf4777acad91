#=> error | timeout | ok | exit killed
#! timeout=100 grace=5
eval('x = 1; x' + '+x' * 100_000)
