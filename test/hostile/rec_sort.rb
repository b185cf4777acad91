#=> error class=SystemStackError
def deeper
  [3, 2, 1].sort do |a, b|
    deeper
    a <=> b
  end
end
deeper
