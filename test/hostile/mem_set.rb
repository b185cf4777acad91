#=> memory_limit
#! timeout=30000
s = Set.new
n = 0
loop { s << (n += 1).to_s }
