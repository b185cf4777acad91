#=> ok
[5, -5, 2**100, -(2**100), 0].map { |n| [0, 1, 2, 36, 37, -2, 2**40, nil, 'x'].map { |b| begin; n.to_s(b); rescue Exception; end } }.size
