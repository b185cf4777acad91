#=> timeout
#! timeout=30
1 while 1
