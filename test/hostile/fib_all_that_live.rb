#=> ok 4
ObjectSpace.each_object(Fiber) { |f| f.resume rescue 0 }
ObjectSpace.each_object(Fiber) { |f| f.transfer rescue 0 }
4
