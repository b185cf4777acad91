# A correction of mruby 3.3.0's mrbgems/mruby-compiler/core/codegen.c.
#
# The value of an assignment to a variable outside of the block was whatever stood in its register before:
# `x = nil; [1, 2].map { |n| x = n }` gave [nil, nil]. A move was saved whose result was needed.
s|^gen_setupvar(codegen_scope \*s, uint16_t dst, mrb_sym id)|gen_setupvar(codegen_scope *s, uint16_t dst, mrb_sym id, int val)|
/^gen_setupvar(codegen_scope/,/^}/ {
  s|if (!no_peephole(s)) {|if (!val \&\& !no_peephole(s)) {|
}
s|gen_setupvar(s, sp, nsym(tree));|gen_setupvar(s, sp, nsym(tree), val);|
