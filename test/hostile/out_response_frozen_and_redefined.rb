#=> ok | error
def send_response(x) = super([x])
send_response(1)
Kernel.send(:undef_method, :send_response)
begin
  send_response(2)
rescue NoMethodError
  3
end
