#=> ok 5
100.times { ObjectSpace.each_object(Object) { break } }
ObjectSpace.each_object(Object) { break 5 }
