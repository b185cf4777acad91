#=> timeout | memory_limit | ok
#! timeout=100
(0.0..1.0).step(5e-324).each { |n| n }
