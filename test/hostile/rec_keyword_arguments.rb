#=> error class=SystemStackError
def deeper(a: 1, **more) = deeper(a: a, **more)
deeper(a: 2, b: 3)
