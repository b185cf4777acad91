#=> ok 1
10_000.times { |i| Regexp.compile("a#{i}(b|c)*\\p{L}", 'i') =~ 'x' }
1
