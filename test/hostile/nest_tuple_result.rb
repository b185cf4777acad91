#=> error class=Erlang::TermError
t = 1
1_000.times { t = Erlang::Tuple[t] }
t
