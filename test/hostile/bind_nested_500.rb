#=> ok | error
b = binding
500.times { b = b.eval('binding') }
b.local_variables.size
