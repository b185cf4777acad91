#=> memory_limit | error class=RegexpError
#! timeout=30000 memory_limit=8000000
('ab' * 500_000) =~ /(?:(a)|(b))*\z/
