#=> memory_limit
#! timeout=30000
all = []
loop { all << (1 << 1_000_000) }
