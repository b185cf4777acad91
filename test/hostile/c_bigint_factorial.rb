#=> timeout | exit killed
#! timeout=50 grace=3
n = 1
(1..2**40).each { |i| n *= i }
