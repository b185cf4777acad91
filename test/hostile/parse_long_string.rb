#=> error
eval("\"#{'x' * 1_000_000}\"").size
