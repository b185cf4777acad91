#=> error class=Erlang::TermError
#! max_atoms=0
10_000.times { |n| send_response("a_new_response_#{n}".to_sym) }
