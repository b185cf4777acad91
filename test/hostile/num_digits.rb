#=> ok
[[5, 1], [5, -1], [5, 0], [-5, 10], [2**70, 2**65], [5, 2**70], [5, 'x']].map { |n, b| begin; n.digits(b); rescue Exception; end }.size
