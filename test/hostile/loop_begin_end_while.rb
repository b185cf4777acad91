#=> timeout
#! timeout=30
begin
end while true
