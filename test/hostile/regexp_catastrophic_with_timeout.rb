#=> timeout
#! timeout=50 grace=3
('a' * 50) =~ /(a+)+b/
