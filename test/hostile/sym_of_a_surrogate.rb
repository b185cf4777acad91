#=> error class=Erlang::TermError
# Three bytes in the form of UTF-8, and no character.
"\xed\xa0\x80".to_sym
