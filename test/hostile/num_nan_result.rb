#=> error class=Erlang::TermError
[1, { 'a' => 0.0 / 0 }]
