#=> exit killed
#! timeout=50 grace=3
begin
  ('a' * 1_000_000).index('a' * 500_000 + 'b')
rescue Exception
  retry
end
