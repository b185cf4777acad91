#=> memory_limit | timeout
#! timeout=5000 memory_limit=4000000
loop { at_exit { 1 } }
