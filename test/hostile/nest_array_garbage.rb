#=> ok 1
# The collector must not go down as deep as this is, when it is marked and when it goes.
a = []
300_000.times { a = [a] }
GC.start
a = nil
GC.start
1
