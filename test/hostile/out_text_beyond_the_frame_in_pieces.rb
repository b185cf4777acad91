#=> ok 1 | error
#! max_frame=100000
print(*(['x' * 90_000] * 10))
$stdout.write(*(['x' * 90_000] * 10))
1
