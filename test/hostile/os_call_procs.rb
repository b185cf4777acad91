#=> ok 1 | timeout
#! timeout=200 next=any
ObjectSpace.each_object(Proc) { |f| begin; f.call; rescue Exception; end }
1
