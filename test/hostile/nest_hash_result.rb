#=> error class=Erlang::TermError
h = {}
1_000.times { h = { 1 => h } }
h
