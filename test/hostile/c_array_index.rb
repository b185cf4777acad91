#=> timeout
#! timeout=50
a = [1] * 1_000_000
loop { a.index(2) }
