# Corrections of mruby 3.3.0's mrbgems/mruby-rational/src/rational.c.
#
# A Rational has room for two machine integers. One made of a larger Integer had that one's address in it;
# it is a RangeError, as an overflow is elsewhere. And a sum with a Float is that of two Floats, as in CRuby.
s/divided by 0 in rational/divided by 0/
/^fix_to_r(mrb_state/,/^}/ {
  s|^  return rational_new|  if (!mrb_integer_p(self)) rat_overflow(mrb);\n&|
}
/^rational_m(mrb_state/,/^}/ {
  s|^    mrb_float x = mrb_as_float|    if (mrb_bigint_p(a) \|\| mrb_bigint_p(b)) rat_overflow(mrb);\n&|
}
/^mrb_rational_add(mrb_state/,/^}/ {
  s|mrb_float z = p1->numerator + mrb_float(y) \* p1->denominator;|mrb_float z = mrb_div_float((mrb_float)p1->numerator, (mrb_float)p1->denominator);|
  s|mrb_div_float(z, (mrb_float)p1->denominator)|z + mrb_float(y)|
}
/^mrb_rational_sub(mrb_state/,/^}/ {
  s|mrb_float z = p1->numerator - mrb_as_float(mrb, y) \* p1->denominator;|mrb_float z = mrb_div_float((mrb_float)p1->numerator, (mrb_float)p1->denominator);|
  s|mrb_div_float(z, (mrb_float)p1->denominator)|z - mrb_as_float(mrb, y)|
}
