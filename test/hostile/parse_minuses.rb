#=> error
eval('-' * 50_000 + 'x')
