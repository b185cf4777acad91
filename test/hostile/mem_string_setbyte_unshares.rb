#=> memory_limit
#! timeout=30000
# Strings that share their bytes, until each is changed.
s = 'x' * 4_000_000
all = (1..20).map { s.dup }
all.each { |t| t.setbyte(0, 65) }
