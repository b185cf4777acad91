#=> error | ok
array_push = Array.instance_method(:push)
t = Erlang::Tuple[1, 2]
[(array_push.bind(t).call(3) rescue 1), (Erlang::Tuple.allocate rescue 2), (Erlang::Tuple.new(1) rescue 3), (t.instance_variable_set(:@a, 1) rescue 4), (t.send(:initialize, 1, 2, 3) rescue 5),
 (t.send(:initialize_copy, [1]) rescue 6), (Array.instance_method(:clear).bind(t).call rescue 7), t, t.dup, t.clone]
