#=> error class=Erlang::TermError
"\xc0\x80".to_sym
