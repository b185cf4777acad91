#=> error class=Erlang::TermError
('x' * 256).to_sym
