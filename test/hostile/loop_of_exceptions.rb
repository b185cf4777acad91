#=> timeout
#! timeout=30
def deep(n) = n == 0 ? raise('x') : deep(n - 1)
loop { deep(100) rescue 1 }
