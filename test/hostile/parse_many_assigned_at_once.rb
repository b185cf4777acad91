#=> error
eval((0..3000).map { |n| "a#{n}" }.join(',') + '=1')
