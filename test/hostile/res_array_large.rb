#=> ok | timeout
[1] * 300_000
