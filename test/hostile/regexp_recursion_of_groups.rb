#=> error class=RegexpError | timeout | memory_limit
#! timeout=30000
('a' * 100_000 + 'b' * 100_000) =~ /(?<x>a\g<x>?b)/
