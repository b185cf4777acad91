#=> error class=SystemStackError | timeout | exit killed | exit stack_overflow
#! timeout=5000
def f(s) = s.gsub(/./) { f(s) }
f('a')
