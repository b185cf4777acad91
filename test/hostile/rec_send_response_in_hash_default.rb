#=> exit killed | error class=SystemStackError | timeout
#! timeout=50 grace=10
hash = Hash.new do |h, key|
  begin
    h[key + 1]
  rescue SystemStackError
    send_response([key] * 20)
    h[key + 1]
  end
end
hash[0]
