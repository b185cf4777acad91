#=> ok
[-> { Complex(2**1000, 3)**1000 }, -> { Complex(0.0 / 0, 1e400) * Complex(1, 2) }, -> { Complex(1, 2) / Complex(0, 0) }, -> { Complex('x') }, -> { Complex.allocate.inspect }, -> { Complex(Complex(1, 2), Complex(3, 4)) },
 -> { Complex.polar(1e300, 1e300) }, -> { Complex(nil, nil) }, -> { Complex(1, 2) <=> 'x' }, -> { Complex(1, 2).hash }, -> { CMath.sqrt(-1) }, -> { CMath.log(0) }].map { |f| begin; f.call.to_s; rescue Exception => e; e.class.to_s; end }.size
