#=> timeout | exit killed
#! timeout=50 grace=3
s = 'a' * 1_000_000
s.index('a' * 500_000 + 'b')
