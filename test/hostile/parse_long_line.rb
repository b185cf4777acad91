#=> ok nil | timeout
eval(' ' * 2_000_000)
