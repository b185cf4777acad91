#=> error class=SystemStackError
a = b = []
a = []
20_000.times { a = [a]; b = [b] }
a <=> b
