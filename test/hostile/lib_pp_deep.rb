#=> ok | error class=SystemStackError
a = ['x' * 100]
5000.times { a = [a] }
pp a
1
