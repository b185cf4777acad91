#=> error
eval("#{'x' * 200_000} = 1")
