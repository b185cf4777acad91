#=> timeout
#! timeout=30
loop { catch(:a) { throw :a } }
