#=> ok | error | timeout | memory_limit | exit killed
#! timeout=50 grace=10
[(1..2**62).count].size
