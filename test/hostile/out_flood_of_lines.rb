#=> timeout
#! timeout=20
loop { puts 'x' }
