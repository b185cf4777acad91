#=> ok 1
#! timeout=30000 memory_limit=8000000
5_000.times { |i| Regexp.new("[[:alpha:]]#{i}") =~ 'x'; /#{i}a/ =~ 'y' }
1
