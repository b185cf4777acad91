#=> memory_limit | error class=NoMethodError
#! timeout=30000
(1..40).to_a.repeated_combination(20).to_a
