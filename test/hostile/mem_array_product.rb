#=> memory_limit
#! timeout=30000
a = (1..1000).to_a
a.product(a, a)
