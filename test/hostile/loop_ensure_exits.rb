#=> timeout | exit 3
#! timeout=30
begin
  loop {}
ensure
  exit 3
end
