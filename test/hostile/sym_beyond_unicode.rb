#=> error class=Erlang::TermError
"\xf4\x90\x80\x80".to_sym
