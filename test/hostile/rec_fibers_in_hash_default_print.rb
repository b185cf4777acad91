#=> exit killed | exit stack_overflow
#! timeout=50 grace=10
# What prints needs some stack too, and holds things of the VM while it does.
text = 'x' * 100
hash = Hash.new do |h, key|
  Fiber.new do
    begin
      $stdout.write(text)
      h[key + 1]
    rescue Exception
      $stdout.write(text)
      h[key + 1]
    end
  end.resume
end
hash[0]
