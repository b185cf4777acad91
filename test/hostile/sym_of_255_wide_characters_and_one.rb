#=> error class=Erlang::TermError
("\u00e9" * 256).to_sym
