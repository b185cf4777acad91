#=> memory_limit
#! timeout=30000 next=ok|memory_limit
all = []
loop { all << Object.new.tap { |o| def o.a = 1 } }
