#=> error | timeout | exit killed
#! timeout=100 grace=5
eval('1' + ' && 1' * 50_000)
