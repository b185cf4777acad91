#=> error class=SystemStackError | timeout | memory_limit
#! timeout=300
lazy = [1].lazy
2000.times { lazy = lazy.map { |x| x + 1 } }
lazy.first(1)
