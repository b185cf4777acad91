#=> memory_limit | timeout
#! timeout=500
o = Object.new
n = 0
loop { o.instance_variable_set("@v#{n += 1}", 'x' * 1000) }
