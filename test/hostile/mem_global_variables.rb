#=> memory_limit
#! timeout=30000 next=memory_limit|ok
n = 0
loop { eval("$v#{n += 1} = 'x' * 100_000") }
