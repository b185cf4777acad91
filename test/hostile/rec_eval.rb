#=> error class=SystemStackError | error class=RuntimeError
def deeper(n) = eval("deeper(#{n} + 1)")
deeper(0)
