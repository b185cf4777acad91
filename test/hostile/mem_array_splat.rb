#=> memory_limit | error
#! timeout=30000
def f(*a) = a.size
x = [1] * 1_000_000
f(*x, *x, *x)
