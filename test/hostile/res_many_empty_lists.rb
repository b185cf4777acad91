#=> ok | timeout
[[]] * 200_000
