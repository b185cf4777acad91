#=> memory_limit | exit memory_limit
#! timeout=10000 next=any
GC.disable
loop { 'x' * 1000 }
