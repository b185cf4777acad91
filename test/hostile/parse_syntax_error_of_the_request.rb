#=> error class=SyntaxError
def f(
  1 +
