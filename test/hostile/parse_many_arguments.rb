#=> ok 20000 | timeout | exit killed
#! timeout=300 grace=5
eval('def f(*a) = a.size; f(' + (['1'] * 20_000).join(',') + ')')
