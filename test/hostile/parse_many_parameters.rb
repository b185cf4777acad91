#=> error
#! timeout=10000
eval('def f(' + (0..5000).map { |n| "a#{n}" }.join(',') + ');end')
