#=> ok 3000
#! max_atoms=0 timeout=10000
(1..3000).map { |n| "stays_in_ruby_#{n}".to_sym }.uniq.size
