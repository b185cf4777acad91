#=> ok | error
eval("\n" * 200_000 + '1')
