#=> ok | error
$a = (1..300).to_a
$a.sort! { |x, y| $a << 1 << 2; y <=> x }
$a.size
