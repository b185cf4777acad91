#=> error class=Erlang::TermError
#! max_frame=100000
'x' * 200_000
