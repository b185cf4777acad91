#=> timeout
#! timeout=50
loop { GC.start }
