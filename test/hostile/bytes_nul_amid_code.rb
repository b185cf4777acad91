#=> ok | error class=SyntaxError
eval("1 + 1\0 + 1")
