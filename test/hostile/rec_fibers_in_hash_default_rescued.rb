#=> exit killed | exit stack_overflow
#! timeout=50 grace=10
hash = Hash.new do |h, key|
  begin
    Fiber.new do
      begin
        h[key + 1]
      rescue Exception
        h[key + 1]
      end
    end.resume
  rescue Exception
    h[key + 2]
  end
end
hash[0]
