#=> ok 1
ObjectSpace.each_object(Object) { |o| begin; o.dup; o.clone; rescue Exception; end }
1
