#=> error class=SystemStackError | ok
t = 1
100_000.times { t = Erlang::Tuple[t] }
t.inspect.size + t.hash
