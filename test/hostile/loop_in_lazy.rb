#=> timeout
#! timeout=30
(1..Float::INFINITY).lazy.map { |n| n * 2 }.reject { true }.first(1)
