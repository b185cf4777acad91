#=> ok <<"deep">>
def nested(n) = n == 0 ? raise('deep') : Fiber.new { nested(n - 1) }.resume
begin
  nested(50)
rescue => e
  e.message
end
