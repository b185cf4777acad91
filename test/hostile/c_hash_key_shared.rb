#=> timeout | exit killed
#! timeout=50 grace=3
a = [1]
60.times { a = [a, a] }
h = (1..20).map { |n| [n, n] }.to_h
h[a]
