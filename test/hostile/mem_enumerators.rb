#=> memory_limit
#! timeout=30000
all = []
loop { all << [1, 2].each.tap(&:next) }
