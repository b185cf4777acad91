#=> timeout | error
#! timeout=100
GC.interval_ratio = 0
GC.step_ratio = 0
loop { Object.new }
