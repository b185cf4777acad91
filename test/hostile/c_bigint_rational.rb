#=> timeout | exit killed | error | ok
#! timeout=50 grace=3
Rational(2**100_000, 3**50_000) + Rational(1, 7**50_000)
1
