#=> ok
[-> { Rational(2**62, 3) * Rational(2**62, 5) }, -> { Rational(1, 2**62) + Rational(1, 2**62 - 1) }, -> { Rational(1e300) }, -> { Rational(0.0 / 0) }, -> { Rational('x') }, -> { Rational(nil, 1) },
 -> { Rational(1, 2)**(2**40) }, -> { Rational(1, 2)**-1e300 }, -> { Rational.allocate.to_s }, -> { Rational(Rational(1, 2), Rational(3, 4)) }, -> { Rational(1, 2) <=> 0.0 / 0 }, -> { -(2**63).to_r },
 -> { Rational(-2**63, -1) }, -> { Rational(-2**62, -2**62).hash }].map { |f| begin; f.call.to_s; rescue Exception => e; e.class.to_s; end }.size
