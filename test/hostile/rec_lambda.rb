#=> error class=SystemStackError
deeper = ->(n) { deeper.call(n + 1) + 1 }
deeper.call(0)
