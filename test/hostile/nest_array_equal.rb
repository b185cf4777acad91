#=> error class=SystemStackError | ok true | timeout
a = b = []
a = []
20_000.times { a = [a]; b = [b] }
a == b
