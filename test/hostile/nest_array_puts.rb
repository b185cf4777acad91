#=> error
a = []
100_000.times { a = [a] }
puts a
