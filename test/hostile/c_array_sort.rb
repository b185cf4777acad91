#=> timeout | ok
#! timeout=50
(1..300_000).map { |n| -n }.sort.size
