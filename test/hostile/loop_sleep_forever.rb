#=> timeout
#! timeout=30
sleep
