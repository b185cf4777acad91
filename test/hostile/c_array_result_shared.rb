#=> timeout | exit killed | memory_limit | error
#! timeout=50 grace=3
a = []
60.times { a = [a, a] }
a
