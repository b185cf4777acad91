#=> error
e = RuntimeError.new
e.instance_variables.each { |name| e.instance_variable_set(name, 5) }
%i[@mesg @status @name @args @receiver @result @exc].each { |name| e.instance_variable_set(name, Object.new) }
raise e
