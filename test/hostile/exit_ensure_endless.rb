#=> timeout | exit killed | exit 1
#! timeout=50 grace=10
begin
  exit 1
ensure
  loop {}
end
