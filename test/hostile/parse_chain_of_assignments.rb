#=> error
eval('a=' * 20_000 + '1')
