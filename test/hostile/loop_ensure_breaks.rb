#=> timeout | exit killed
#! timeout=30 grace=10
# break in an ensure swallows the exception.
loop do
  loop do
    begin
      loop {}
    ensure
      break
    end
  end
end
