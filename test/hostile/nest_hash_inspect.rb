#=> error class=SystemStackError
$h = {}
20_000.times { $h = { 1 => $h } }
$h.inspect
