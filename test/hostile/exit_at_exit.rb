#=> timeout
#! timeout=50
at_exit { loop {} }
exit 3
