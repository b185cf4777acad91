#=> ok 1 | error
#! next=any
ObjectSpace.each_object(String) { |s| s.clear rescue 0 }
GC.start
1
