#=> exit killed | timeout
#! timeout=30 grace=10
loop do
  begin
    sleep
  rescue Exception
  end
end
