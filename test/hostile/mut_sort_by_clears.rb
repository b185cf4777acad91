#=> ok | error
$a = (1..300).to_a
$a.sort_by { |x| $a.clear; -x }.size
