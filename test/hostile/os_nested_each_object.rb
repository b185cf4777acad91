#=> ok | timeout
#! timeout=300
n = 0
ObjectSpace.each_object(Class) { ObjectSpace.each_object(Module) { n += 1; 'x' * 10 } }
n
