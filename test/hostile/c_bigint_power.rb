#=> timeout | exit killed | memory_limit | error
#! timeout=50 grace=3
7**7**7**7
