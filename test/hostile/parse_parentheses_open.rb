#=> error class=SyntaxError
eval('(' * 100_000)
