#=> ok | error | timeout | memory_limit
['1/0', '1/', '/1', '-', '', '1e1000000', '1e-1000', '1.5e3/2', '9' * 1000, "1\0/2", '1__2', '_1', '1._5', ' 1 / 2 ', "\xff"].map { |t| [(t.to_r rescue $e), (Rational(t) rescue 1), (Rational(t, exception: false) rescue 2)].size }
