#=> error class=Erlang::TermError
a = []
100_000.times { a = [a] }
a
