#=> error class=RegexpError | timeout
#! timeout=30000
('a' * 500_000) =~ /a.*b.*c/
