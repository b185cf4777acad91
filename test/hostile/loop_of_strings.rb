#=> timeout
#! timeout=30
loop { 'a' + 'b' }
