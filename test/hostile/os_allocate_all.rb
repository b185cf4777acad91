#=> ok 1
ObjectSpace.each_object(Class) { |c| begin; c.allocate; rescue Exception; end }
1
