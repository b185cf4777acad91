#=> error
#! max_frame=100000
send_response('x' * 200_000)
