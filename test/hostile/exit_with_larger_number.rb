#=> error class=RangeError
exit 2**70
