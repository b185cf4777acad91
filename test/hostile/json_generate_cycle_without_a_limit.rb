#=> error class=SystemStackError
a = [1]
a << a
JSON.generate(a, max_nesting: 0)
