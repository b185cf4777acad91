#=> error | ok
$stdout = nil
puts 1
