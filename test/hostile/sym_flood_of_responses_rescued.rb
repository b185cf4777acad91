#=> ok 3000
#! max_atoms=0
n = 0
3000.times do |i|
  begin
    send_response("a_rescued_response_#{i}".to_sym)
  rescue Erlang::TermError
    n += 1
  end
end
n
