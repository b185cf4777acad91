#=> ok | error class=Erlang::TermError
[:"\0", :"ab\0cd", :'']
