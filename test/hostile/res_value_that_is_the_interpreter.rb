#=> error class=Erlang::TermError
[self, Object, Erlang, binding]
