#=> memory_limit
#! timeout=30000
all = []
loop { all << Class.new(String) { def a = 1 } }
