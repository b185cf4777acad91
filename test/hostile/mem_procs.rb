#=> memory_limit | error
#! timeout=30000 next=ok|memory_limit
all = []
loop { x = 'x' * 100; all << -> { x } }
