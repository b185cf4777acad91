#=> timeout | exit killed
#! timeout=30 grace=10
begin
  sleep
ensure
  sleep
end
