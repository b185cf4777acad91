#=> ok 1
#! memory_limit=100000000 timeout=5000
a = []
1_000_000.times { a = [a] }
GC.start
a = nil
GC.start
1
