#=> error class=RegexpError
Regexp.new((0...32_000).map { |i| "(x\\g<#{i + 2}>)" }.join + '(y)')
