#=> memory_limit | error | ok
#! timeout=30000
a = [1] * 1_500_000
nil.send(:nothing_like_this, *a)
