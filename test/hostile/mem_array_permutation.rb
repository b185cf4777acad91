#=> memory_limit
#! timeout=30000
(1..100).to_a.permutation.to_a
