#=> ok | error
#! next=any
ObjectSpace.each_object(Array) { |a| a.clear }
GC.start
1000.times { |n| [n.to_s, { n => n }, -> { n }, Object.new] }
GC.start
eval('x = 1; binding.local_variables')
1.no_such_method
