#=> error class=SystemStackError | ok
h = {}
5_000.times { h = { h => h } }
h.size
