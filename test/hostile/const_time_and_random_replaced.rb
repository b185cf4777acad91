#=> error | ok
t = Time.now
Object.send(:remove_const, :Time)
Object.send(:remove_const, :Random)
Object.const_set(:Time, 1)
Object.const_set(:Random, Object.new)
[(t + 1).class.to_s.size, [1, 2].shuffle.size, rand.class.to_s]
