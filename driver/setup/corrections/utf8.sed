# A correction of mruby 3.3.0's src/string.c.
#
# The length of a character that begins with a byte which begins none (80 to BF, F8 to FF) was 0, and what
# steps through a string by such lengths, as String#chop and #reverse, did so for ever. It is one byte,
# as that of every other invalid character.
/^mrb_utf8len(const char/,/^}/ {
  s/  if (len > e - p) return 1;/  if (len == 0 || len > e - p) return 1;/
}
