b = binding
x = 5
b.local_variable_set(:y, 6)
eval("x + y + 1", b) + instance_eval("self.class.to_s.size") + Object.class_eval { define_method(:z) { 7 }; z }
