#=> ok
a = 1
256.times { a = [a] }
a
