#=> error class=SystemStackError
def deeper
  1 while deeper
end
deeper
