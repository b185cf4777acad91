#=> memory_limit | error
#! timeout=30000
(1..).step(3).to_a
