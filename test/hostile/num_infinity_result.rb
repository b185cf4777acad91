#=> error class=Erlang::TermError
-1e400
