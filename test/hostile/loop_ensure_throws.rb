#=> timeout | exit killed
#! timeout=30 grace=10
loop do
  catch(:ball) do
    begin
      loop {}
    ensure
      throw :ball
    end
  end
end
