#=> memory_limit | error class=RegexpError | exit memory_limit
#! timeout=30000 memory_limit=8000000
Regexp.new('(a|b)|' * 500_000 + 'b') =~ 'xyz'
