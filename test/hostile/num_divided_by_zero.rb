#=> ok
[-> { 1 / 0 }, -> { 1 % 0 }, -> { (2**100) / 0 }, -> { (2**100) % 0 }, -> { 1.divmod(0) }, -> { 0**-1 }, -> { 1.0.divmod(0) }, -> { 1.0 % 0 },
 -> { Rational(1, 0) }, -> { Rational(1, 2) / 0 }, -> { Complex(1, 2) / 0 }, -> { (2**100).divmod(0) }, -> { 5.pow(3, 0) }, -> { (2**100).pow(2**100, 0) },
 -> { 1.fdiv(0) }, -> { 0.0 / 0 }, -> { 5.ceildiv(0) }, -> { 1.remainder(0) }].map { |f| begin; f.call.to_s; rescue Exception => e; e.class.to_s; end }.size
