#=> error class=Erlang::TermError
a = 1
257.times { a = [a] }
a
