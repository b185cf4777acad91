#=> timeout
#! timeout=30
for i in 0..(2**62)
end
