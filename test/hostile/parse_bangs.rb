#=> error
eval('!' * 50_000 + '1')
