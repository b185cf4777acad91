#=> ok {1,2} | error
tuple = Erlang::Tuple
Erlang.send(:remove_const, :Tuple)
GC.start
tuple[1, 2]
