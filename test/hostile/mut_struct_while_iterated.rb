#=> ok
S = Struct.new(:a, :b, :c)
s = S.new(1, 2, 3)
s.each { s.a = s.b = 'x' * 1000; GC.start }
s.each_pair { |k, v| s[k] = nil } rescue 0
s.select { |x| s.c = [x] * 100; true }
s.to_a.size
