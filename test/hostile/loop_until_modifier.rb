#=> timeout
#! timeout=30
i = 0
i += 1 until false
