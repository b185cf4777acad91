#=> error class=SystemStackError
def deeper = send(:__send__, :deeper)
deeper
