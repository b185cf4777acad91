#=> timeout
#! timeout=30
loop { eval('1 + 1') }
