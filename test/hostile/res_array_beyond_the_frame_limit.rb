#=> error class=Erlang::TermError
#! max_frame=100000
[1] * 200_000
