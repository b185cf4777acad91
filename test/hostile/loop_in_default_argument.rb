#=> timeout
#! timeout=30
def f(a = loop {}) = a
f
