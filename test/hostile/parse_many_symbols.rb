#=> error | ok | timeout | memory_limit | exit killed
#! timeout=300 grace=5
eval('[' + (0..40_000).map { |n| ":s#{n}" }.join(',') + '].size')
