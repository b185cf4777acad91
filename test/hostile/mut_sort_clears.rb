#=> ok 0 | error
$a = (1..1000).to_a
$a.sort! { |x, y| $a.clear; GC.start if x == 500; x <=> y }
$a.size
