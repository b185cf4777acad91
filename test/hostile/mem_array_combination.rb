#=> memory_limit
#! timeout=30000
(1..40).to_a.combination(20).to_a
