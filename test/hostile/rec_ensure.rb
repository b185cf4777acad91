#=> error class=SystemStackError
def deeper
  raise 'a'
ensure
  deeper
end
deeper
