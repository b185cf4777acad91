#=> error | ok | timeout
#! timeout=200 grace=5
# The code of an ensure is written once for each way out of it.
eval('begin;' * 14 + 'return 1;' + 'ensure;1;end;' * 14)
