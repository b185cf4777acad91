#=> ok true
digits = '1' * 300_000
[(digits + '.5').to_f, ('0.' + digits).to_f > 0.1, (Float('1e' + digits) rescue 1), ('-' * 300_000).to_f, ('1_' * 100_000).to_f, "1\0".to_f].size == 6
