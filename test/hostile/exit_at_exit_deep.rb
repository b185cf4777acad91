#=> exit 3
def deep(n) = deep(n + 1) + 1
at_exit { deep(0) }
at_exit { $a = []; loop { $a << 'x' * 1000 } if false }
exit 3
