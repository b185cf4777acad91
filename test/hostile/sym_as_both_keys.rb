#=> error class=Erlang::TermError
{ true => 1, :true => 2 }
