#=> ok | error | memory_limit | exit memory_limit
#! next=any
GC.interval_ratio = 2**60 rescue 0
GC.step_ratio = 2**60 rescue 0
100_000.times { 'x' + 'y' }
1
