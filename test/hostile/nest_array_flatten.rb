#=> error class=SystemStackError | ok
a = []
100_000.times { a = [a] }
a.flatten.size
