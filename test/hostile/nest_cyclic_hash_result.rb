#=> error class=Erlang::TermError | error class=SystemStackError
h = {}
h[1] = h
h
