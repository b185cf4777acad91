#=> ok 1
#! next=any
ObjectSpace.each_object(Array) { |a| a.shift rescue 0 }
1000.times { 'x' + 'y' }
GC.start
1
