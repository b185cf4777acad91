#=> ok 1
#! next=any
ObjectSpace.each_object(Array) { |a| (a << a << 5) rescue 0 }
GC.start
1
