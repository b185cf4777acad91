# Corrections of mruby 3.3.0's mrbgems/mruby-bigint/core/bigint.c.
#
# * An Integer was made of a large Float by one digit after the other, and what was left was not moved up for the
#   next one: `1e20.to_i` was 92233720368547758080.
# * A large Integer divided by a Float was multiplied by it.
# * One that was shifted right by more than it has was read behind its end: `-(2**70) >> 200`.
/^mrb_bint_new_float(mrb_state/,/^}/ {
  s/^    if (i == 0) break;$/    if (i == 0) break;\n    x *= b;/
}
/^mrb_bint_div(mrb_state/,/^}/ {
  s|v1\*v2|v1 / v2|
}
/^mrb_bint_rshift(mrb_state/,/^}/ {
  s|^  struct RBigint \*b2 = bint_new(mrb);|  if (width > 0 \&\& (size_t)width / DIG_SIZE >= b->mp.sz) return mrb_fixnum_value(b->mp.sn < 0 ? -1 : 0);\n&|
}
