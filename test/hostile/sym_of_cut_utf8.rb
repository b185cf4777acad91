#=> error class=Erlang::TermError
"ab\xe2\x82".to_sym
