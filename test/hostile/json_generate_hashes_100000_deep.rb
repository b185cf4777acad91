#=> error class=SystemStackError
h = {}
100_000.times { h = { h: h } }
JSON.generate(h, max_nesting: false)
