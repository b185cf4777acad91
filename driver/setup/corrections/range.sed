# A correction of mruby 3.3.0's src/range.c.
#
# Range#to_a from an Integer to a Float counts by adding 1.0, and writes into an array for as many elements as
# the distance tells. From 2**53 on adding 1.0 changes nothing, so `(2**53..2.0**53 + 2).to_a` wrote on until
# the process ended; and a distance that is no mrb_int (NaN, 1e300) was made one. Such ranges are refused.
/^range_num_to_a(mrb_state/,/^}/ {
  /^      ary = mrb_ary_new_capa(mrb, (mrb_int)(b - a) + 1);/i\
      if (!(a > -9007199254740992.0 && b < 9007199254740992.0)) {\
        mrb_raise(mrb, E_RANGE_ERROR, "float range too large");\
      }
}
