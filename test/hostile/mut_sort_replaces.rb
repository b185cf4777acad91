#=> ok | error
$a = (1..300).to_a.reverse
$a.sort! { |x, y| $a.replace(['a'] * 3); GC.start if x == 7; 1 }
$a.inspect.size
