#=> exit killed | timeout
#! timeout=50
# Each block rescues the stop.
at_exit { begin; loop {}; rescue Exception; retry; end }
exit 3
