#=> error | memory_limit | ok
#! max_frame=100000
'x' * 99_990
