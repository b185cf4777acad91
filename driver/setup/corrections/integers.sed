# Corrections of mruby 3.3.0's src/numeric.c, for an Integer or Float on the left and a large Integer on the right.
#
# The two could not be compared (`1 < 10**20` was an ArgumentError, so lists of them could not be sorted), and
# the rest of a division was a Float.
/^cmpnum(mrb_state/,/^}/ {
  s|^    return mrb_bint_cmp(mrb, v1, v2);|&\n  }\n  if (mrb_bigint_p(v2)) {\n    return mrb_float_p(v1) \&\& isnan(mrb_float(v1)) ? -2 : -mrb_bint_cmp(mrb, v2, v1);|
}
/^int_mod(mrb_state/,/^}/ {
  s|^  if (a == 0) return x;|&\n#ifdef MRB_USE_BIGINT\n  if (mrb_bigint_p(y)) return mrb_bint_mod(mrb, mrb_bint_new_int(mrb, a), y);\n#endif|
}
/^int_divmod(mrb_state/,/^}/ {
  s|^  if (mrb_integer_p(y)) {|#ifdef MRB_USE_BIGINT\n  if (mrb_bigint_p(y)) return mrb_bint_divmod(mrb, mrb_bint_new_int(mrb, mrb_integer(x)), y);\n#endif\n&|
}
