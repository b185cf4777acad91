#=> exit killed | timeout
#! timeout=30 grace=10
loop do
  begin
    loop {}
  ensure
    next
  end
end
