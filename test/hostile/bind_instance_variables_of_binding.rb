#=> ok
b = proc { |x| y = 1; binding }.call(2)
b.instance_variables.each { |name| b.instance_variable_set(name, nil) }
%i[@proc @env @recv @receiver proc env recv].each { |name| b.instance_variable_set(name, 5) rescue 0 }
begin
  b.eval('y')
rescue Exception => e
  e.class.to_s
end
