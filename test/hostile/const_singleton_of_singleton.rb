#=> ok | error class=SystemStackError
o = Object.new
c = o
1000.times { c = c.singleton_class }
GC.start
c.to_s.size
