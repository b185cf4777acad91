#=> error class=SystemStackError
a = []
100_000.times { a = [a] }
JSON.generate(a, max_nesting: 0)
