#=> error class=RuntimeError | memory_limit | timeout
b = Binding.instance_method(:eval) && binding
n = 0
loop { b.local_variable_set("v#{n += 1}", 1) }
