#=> ok 1 | error
#! max_frame=100000
puts 'x' * 200_000
1
