#=> ok 20000 | error class=SystemStackError
value = JSON.parse('[' * 20_000 + ']' * 20_000, max_nesting: 0)
depth = 0
while value
  value = value[0]
  depth += 1
end
GC.start
depth
