#=> exit killed
#! timeout=30 grace=10
Fiber.new do
  begin
    loop {}
  ensure
    loop {}
  end
end.resume
