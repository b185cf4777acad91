#=> timeout
#! timeout=50
a = [1] * 500_000
loop { a.hash }
