#=> memory_limit | error
#! timeout=30000
(0..2**62).to_a
