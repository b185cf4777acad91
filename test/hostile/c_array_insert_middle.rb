#=> timeout
#! timeout=50
a = [1] * 500_000
loop { a.insert(250_000, 1).pop }
