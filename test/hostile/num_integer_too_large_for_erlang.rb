#=> error class=Erlang::TermError
2**600_000
