#=> memory_limit
#! timeout=30000
all = []
loop { all << Object.new.tap { |o| def o.a = 1 } }
