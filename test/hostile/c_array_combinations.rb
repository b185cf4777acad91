#=> timeout
#! timeout=50
(1..300).to_a.combination(5) {}
