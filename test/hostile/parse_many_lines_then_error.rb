#=> error
eval("\n" * 70_000 + 'raise "here"')
