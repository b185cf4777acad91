#=> error class=Erlang::TermError
#! max_atoms=0
Erlang::Tuple[*(1..5000).map { |n| "in_a_tuple_#{n}".to_sym }]
