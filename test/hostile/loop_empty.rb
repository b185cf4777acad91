#=> timeout
#! timeout=30
loop {}
