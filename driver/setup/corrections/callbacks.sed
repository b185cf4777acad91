# Corrections of mruby 3.3.0 where C code calls a method of the script (==, eql?, ===, inspect) in a loop
# and goes on with what it knew before: the method may have changed it.
#
# src/kernel.c: `when *array` counts to the length that the array had.
/^mrb_obj_ceqq(/,/^}/ s/for (i=0; i<len; i++)/for (i=0; (len = RARRAY_LEN(ary), i<len); i++)/
# mruby-array-ext: assoc and rassoc return an element that the array may hold no more, and that
# was collected meanwhile. (mrb_gc_protect keeps it until the end of the loop's turn.)
/^ary_r*assoc(/,/^}/ {
  s/^  mrb_value v;/  mrb_value v;\n  int arena = mrb_gc_arena_save(mrb);/
  s/^    if (mrb_array_p(v) \&\&/    mrb_gc_arena_restore(mrb, arena);\n    mrb_gc_protect(mrb, v);\n&/
  s/^    if (!mrb_nil_p(v) \&\&/    mrb_gc_arena_restore(mrb, arena);\n    mrb_gc_protect(mrb, v);\n&/
}
# mruby-struct and mruby-data: initialize_copy gives the fields another place.
/^mrb_\(struct\|data\)_\(equal\|eql\)(/,/^}/ {
  s/(mrb, ptr\[i\], ptr2\[i\])/(mrb, mrb_ary_ref(mrb, s, i), mrb_ary_ref(mrb, s2, i))/
  /^  ptr2* = R[A-Z]*_PTR(s2*);/d
  /^  mrb_value \*ptr, \*ptr2;/d
}
# mruby-sprintf: the format may be changed by an argument's inspect. A copy shares its bytes.
/^mrb_str_format(/,/^}/ s/^  p = RSTRING_PTR(fmt);/  fmt = mrb_str_dup(mrb, fmt);\n&/
