#=> ok
def keep(x)
  y = 1
  binding
end
b = keep(2)
GC.start
b.local_variable_set(:q, 1)
b.eval('z = 1; y = 2; x = 3')
GC.start
[b.eval('x + y'), b.local_variable_get(:q), b.local_variables.size, b.receiver.to_s]
