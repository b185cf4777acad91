#=> memory_limit
#! timeout=30000
(1..10_000_000).each_cons(1000).to_a
