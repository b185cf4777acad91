#=> ok
#! timeout=500 grace=2
# The length of a character that is none must not be 0.
"\xff".chop
