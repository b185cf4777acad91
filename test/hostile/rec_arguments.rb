#=> error class=SystemStackError | memory_limit
# Each level copies more arguments: the stack of Ruby grows by the square.
def deeper(*args) = deeper(*args, *args[0, 10])
deeper(*([1] * 10))
