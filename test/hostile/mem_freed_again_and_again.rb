#=> ok 50
#! timeout=30000
n = 0
50.times { n += 1 if ('x' * 4_000_000).size == 4_000_000 }
n
