#=> ok
c = Object
2000.times { c = Class.new(c) }
GC.start
[(c.new.no_such rescue 1), c.ancestors.size > 2000, c.new.to_s.size > 3].size
