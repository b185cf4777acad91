#=> timeout | exit killed
#! timeout=200 grace=3
loop do
  ('a' * 50) =~ /(a+)+b/
rescue StandardError
end
