#=> memory_limit | timeout | exit killed
#! timeout=2000
# 2 to the power of 60 leaves.
a = [1]
60.times { a = [a, a] }
JSON.generate(a)
