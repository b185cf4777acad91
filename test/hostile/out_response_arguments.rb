#=> ok
[-> { send_response }, -> { send_response(1, 2) }, -> { send_response(*[1] * 100) }, -> { send_response(a: 1) }, -> { send_response { 1 } }, -> { Object.new.send(:send_response, 1) }, -> { nil.send(:send_response, nil) },
 -> { method(:send_response).unbind.bind(5).call(2) }, -> { method(:send_response).to_proc.call(1) }, -> { [1, 2].each(&method(:send_response)) }].map { |f| begin; f.call; rescue Exception => e; e.class.to_s; end }.size
