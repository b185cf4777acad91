#=> error
eval('def f(' + (0..2000).map { |n| "k#{n}: 1" }.join(',') + ');end;f')
