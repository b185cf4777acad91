#=> error class=Erlang::TermError
"\xff\xfe".to_sym
