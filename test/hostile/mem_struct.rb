#=> memory_limit
#! timeout=30000
S = Struct.new(:a, :b, :c)
all = []
loop { all << S.new(1, 2, 3) }
