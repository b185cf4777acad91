#=> ok
n = 0
ObjectSpace.each_object(Object) { |o| GC.start if n % 100 == 0; n += 1; [o] }
n > 10
