#=> ok nil | error class=SyntaxError
eval("\0\0\0")
