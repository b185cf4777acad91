#=> error class=Erlang::Timeout
raise Erlang::Timeout
