#=> ok
$a = (1..1000).to_a
$a.map! { |x| $a.clear; GC.start if x == 1; 'x' * 100 }
$a.size
