#=> ok 2000 | timeout
# What each leaves behind must be collected.
n = 0
2000.times { n += eval('x = 1; [x].each { |y| y }[0]') }
n
