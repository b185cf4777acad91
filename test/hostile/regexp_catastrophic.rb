#=> error class=RegexpError
#! timeout=30000
('a' * 50) =~ /(a+)+b/
