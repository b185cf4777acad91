#=> ok 20
n = 0
20.times { send_response('x' * 100_000); n += 1 }
n
