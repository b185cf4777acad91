#=> error | ok 1
eval((0..300).map { |n| "[1].each{|v#{n}|" }.join + '1' + '}' * 301 + ';1')
