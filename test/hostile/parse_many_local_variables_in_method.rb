#=> error | timeout | exit killed
#! timeout=200 grace=5
eval('def f;' + (0..70_000).map { |n| "a#{n}=1" }.join(';') + ';end')
