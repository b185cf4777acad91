#=> timeout
#! timeout=30
begin
  raise 'again'
rescue
  retry
end
