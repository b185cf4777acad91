#=> error | ok
c = Complex(1, 2)
2_000.times { c = Complex.rectangular(c, c) }
c.inspect.size
