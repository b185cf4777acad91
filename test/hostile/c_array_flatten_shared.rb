#=> timeout | memory_limit | exit killed
#! timeout=50 grace=3
# A lattice: 2 to the power of 60 leaves.
a = [1]
60.times { a = [a, a] }
a.flatten
