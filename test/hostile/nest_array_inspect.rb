#=> error class=SystemStackError
$a = []
100_000.times { $a = [$a] }
$a.inspect
