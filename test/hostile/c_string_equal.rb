#=> timeout
#! timeout=50
a = 'x' * 4_000_000
b = 'x' * 4_000_000
loop { a == b }
