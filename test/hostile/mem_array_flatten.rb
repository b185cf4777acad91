#=> memory_limit
#! timeout=30000
# Small, until it is flat: ten thousand million elements.
a = [1] * 10
9.times { a = [a] * 10 }
a.flatten
