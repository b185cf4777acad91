#=> exit 4611686018427387904 | error class=RangeError
exit 2**62
