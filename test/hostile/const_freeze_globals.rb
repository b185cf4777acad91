#=> ok | error
global_variables.each { |name| eval("#{name}.freeze") if name.to_s[0] == "$" }
$a = 'a'
$a << 'b'
$a
