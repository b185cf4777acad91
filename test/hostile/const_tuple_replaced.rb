#=> error | ok
tuple = Erlang::Tuple[1, 2]
Erlang.send(:remove_const, :Tuple)
Erlang.const_set(:Tuple, Array)
Erlang.const_set(:TermError, 5)
[tuple, Erlang::Tuple[3], (1..2)]
