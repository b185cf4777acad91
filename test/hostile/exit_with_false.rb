#=> exit 1
exit false
