#=> exit killed
#! timeout=50 grace=3
begin
  loop {}
ensure
  loop { ('a' * 50) =~ /(a+)+b/ rescue 0 }
end
