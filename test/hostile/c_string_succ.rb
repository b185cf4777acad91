#=> timeout
#! timeout=50
s = 'z' * 1_000_000
loop { s.succ }
