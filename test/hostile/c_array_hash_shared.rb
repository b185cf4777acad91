#=> timeout | exit killed
#! timeout=50 grace=3
a = [1]
60.times { a = [a, a] }
a.hash
