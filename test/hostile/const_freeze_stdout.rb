#=> ok 3 | error
$stdout.freeze
$stderr.freeze
STDOUT.instance_variable_set(:@a, 1) rescue 0
puts 1
3
