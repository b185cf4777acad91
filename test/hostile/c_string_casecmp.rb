#=> timeout
#! timeout=50
s = 'a' * 2_000_000
t = 'A' * 2_000_000
loop { s.casecmp(t) }
