#=> timeout
#! timeout=50
a = []
50_000.times { a << [1] }
loop { GC.start }
