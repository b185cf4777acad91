#=> timeout
#! timeout=30
begin
  loop {}
ensure
  raise 'nothing of the kind'
end
