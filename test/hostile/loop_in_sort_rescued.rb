#=> exit killed
#! timeout=30 grace=10
begin
  [3, 2, 1].sort { |a, b| loop {} rescue 0 }
rescue Exception
  retry
end
