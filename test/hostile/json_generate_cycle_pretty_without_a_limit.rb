#=> error class=SystemStackError | memory_limit
h = {}
h[:h] = [h]
JSON.pretty_generate(h, max_nesting: 0)
