#=> error class=SystemStackError | ok | timeout
#! timeout=500
a = []
a << a
b = []
b << b
a == b
