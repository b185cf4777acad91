#=> ok 1 | error
#! next=any
ObjectSpace.each_object(Array) { |a| a.replace([nil, 1, 'x'] * 10) rescue 0 }
GC.start
eval('a = 1')
