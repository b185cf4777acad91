#=> ok <<>> | error class=SystemStackError | error class=ArgumentError | timeout
a = []
5_000.times { a = [a] }
a.join
