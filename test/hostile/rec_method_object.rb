#=> error class=SystemStackError
def deeper = method(:deeper).call
deeper
