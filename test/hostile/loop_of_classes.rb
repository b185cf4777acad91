#=> timeout
#! timeout=30
loop { Class.new(String) { def a = 1 }.new('x').a }
