#=> error class=RuntimeError
raise 'x' * 1_000_000
