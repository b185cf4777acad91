#=> error class=ArgumentError | memory_limit
#! timeout=30000
'xy' * (2**62)
