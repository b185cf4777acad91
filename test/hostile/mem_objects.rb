#=> memory_limit
#! timeout=30000
all = []
loop { all << Object.new }
