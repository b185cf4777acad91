#=> timeout
#! timeout=50
s = 'ab' * 1_000_000
loop { s.squeeze; s.count('a-z'); s.delete('b') }
