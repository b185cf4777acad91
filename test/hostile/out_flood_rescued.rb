#=> exit killed
#! timeout=20 grace=5
loop do
  begin
    loop { print 'x' }
  rescue Exception
  end
end
