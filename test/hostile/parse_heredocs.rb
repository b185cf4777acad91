#=> error class=SyntaxError
eval("<<A\n" * 5000)
