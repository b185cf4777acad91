#=> ok
[nil, true, :a, 2**500, -2**70, 1.5, '', [], {}, Erlang::Tuple[], [[[[]]]], { [] => {} }, "\xff", :'', 'x' * 1000].count { |x| send_response(x) }
