#=> exit killed
#! timeout=30 grace=10
loop do
  begin
    loop {}
  rescue Exception
  end
end
