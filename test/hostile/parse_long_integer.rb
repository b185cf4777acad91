#=> error class=SyntaxError
eval('1' * 1_000_000)
