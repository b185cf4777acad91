#=> exit killed
#! timeout=30 grace=10
begin
  loop {}
rescue Exception
  retry
end
