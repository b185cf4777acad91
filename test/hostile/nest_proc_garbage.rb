#=> ok 1
# Each closes over the one before.
def around(inner) = -> { inner }
a = nil
20_000.times { a = around(a) }
GC.start
a = nil
GC.start
1
