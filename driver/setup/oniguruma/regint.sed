# A correction of Oniguruma 6.9.9's src/regint.h.
#
# Callouts (functions that a pattern names) are not in Ruby's syntax, and their names are kept in tables
# that all threads share and that are allocated when the first encoding is used: without them the library
# allocates nothing but what belongs to one regular expression or one search.
s|^#define USE_CALLOUT$|/* no callouts */|
