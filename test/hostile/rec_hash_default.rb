#=> error class=SystemStackError
# C calls Ruby calls C: the block of a Hash asks the Hash.
hash = Hash.new { |h, key| h[key + 1] }
hash[0]
