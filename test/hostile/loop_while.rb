#=> timeout
#! timeout=30
while true
end
