# A correction of mruby 3.3.0's mrbgems/mruby-string-ext/src/string.c.
#
# A range of characters was without its last one in count, delete and squeeze: `'hello'.delete('l-o')` was "heo".
/^tr_compile_pattern(const/,/^}/ {
  s/i < pat->val.ch\[1\]/i <= pat->val.ch[1]/
}
