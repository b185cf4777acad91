#=> ok
a = (1..100).to_a
b = a.dup
c = a[5..-1]
d = a.first(50)
200.times { a.shift; b.shift; c.unshift(1); d.pop; a << 1; b.concat(c); c.clear if c.size > 5000; GC.start if a.size == 50 }
[a, b, c, d].size
