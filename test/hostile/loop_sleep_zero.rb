#=> timeout
#! timeout=30
loop { sleep 0 }
