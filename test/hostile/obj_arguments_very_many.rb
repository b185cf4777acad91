#=> ok
def all(*a, **k, &b) = a.size + k.size
def some(a, b = 2, *c, d, e: 5, **f) = c.size
many = [1] * 10_000
keys = (1..200).map { |n| [:"k#{n}", n] }.to_h
[all(*many), all(*many, **keys), (some(*many) rescue 1), (some(*many, **keys) rescue 2), (some rescue 3), (some(**keys) rescue 4), (nil.foo(*many, **keys) rescue 5), [].push(*many).size, many.max, (send(:all, *many, **keys) { 1 }), method(:all).call(*many), [many].each { |a, *b| b }.size].size
