#=> error class=Erlang::TermError
#! max_atoms=0 timeout=10000
(1..3000).map { |n| "a_new_symbol_#{n}".to_sym }
