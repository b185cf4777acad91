#=> error | ok | exit stack_overflow
r = Rational(1, 2)
c = Complex(1, 2)
Object.send(:remove_const, :Rational)
Object.send(:remove_const, :Complex)
GC.start
[(r + r).to_s, (c * c).to_s, (r * c).to_s]
