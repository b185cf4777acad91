#=> error class=SystemStackError
def deeper(a = deeper) = a
deeper
