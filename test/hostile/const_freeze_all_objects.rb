#=> ok 1 | error class=FrozenError
#! next=any
ObjectSpace.each_object(Object) { |o| o.freeze rescue 0 }
1
