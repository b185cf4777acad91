#=> timeout
#! timeout=30
loop { sleep 0.0001 }
