# A correction of mruby 3.3.0's src/numeric.c.
#
# Integer#divmod with anything but an Integer handed the Integer on as if it were a Float. Where a Float is an
# object (MRB_WORDBOX_NO_FLOAT_TRUNCATE), what was read was the memory at the number's address: `1.divmod(1.5)`
# ended the process. Floats are handed on.
/^int_divmod(mrb_state/,/^}/ {
  s/  return flo_divmod(mrb, x);/  return flo_divmod(mrb, mrb_float_value(mrb, (mrb_float)mrb_integer(x)));/
}
