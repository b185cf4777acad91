#=> timeout
#! timeout=20
loop { send_response(1) }
