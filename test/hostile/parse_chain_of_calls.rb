#=> error
eval('a = 1; a' + '.to_i' * 100_000)
