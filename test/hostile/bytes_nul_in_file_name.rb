#=> error
eval('raise "x"', nil, "a\0b", 5)
