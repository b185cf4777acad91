#=> error | ok | timeout | exit killed
#! timeout=300 grace=5
# A branch further than its operand can say.
eval('if 1;' + 'a=1;' * 30_000 + 'end')
