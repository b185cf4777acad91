#=> ok
o = Object.new
100.times { |n| o.instance_variable_set("@a#{n}", n) }
o.instance_variables.each { |name| o.remove_instance_variable(name); o.instance_variable_set("#{name}x", 1); GC.start if name == :@a5 }
o.instance_variables.size
