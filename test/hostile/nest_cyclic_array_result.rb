#=> error class=Erlang::TermError
a = [1]
a << a
a
