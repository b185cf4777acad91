#=> error class=SystemStackError
def deeper = catch(:ball) { deeper }
deeper
