#=> memory_limit
#! timeout=30000
(0..2**30).map { |n| [n] }
