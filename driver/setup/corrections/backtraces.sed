# A correction of mruby 3.3.0's src/backtrace.c.
#
# An exception keeps where it was raised as pointers into compiled code, and turns them into text when it is
# first asked for its backtrace. It does not keep the code, though: that of an eval may be gone by then, and
# what is read is freed memory. So the backtrace holds a reference to the code, one for each run of places
# in the same piece of it; a last place with an impossible index ends the list. (References are counted in
# 16 bits: before they run out the place is forgotten instead.)
/^static const mrb_data_type bt_type/ {
  s/mrb_free/bt_free/
  i\
static mrb_bool\
bt_holds(const struct backtrace_location *bt, int i)\
{\
  return bt[i].irep && (i == 0 || bt[i-1].irep != bt[i].irep);\
}\
\
static void\
bt_hold(mrb_state *mrb, struct backtrace_location *bt, int len)\
{\
  for (int i=0; i<len; i++) {\
    if (!bt[i].irep) bt[i].idx = 0;\
    if (!bt_holds(bt, i)) continue;\
    if (bt[i].irep->refcnt > UINT16_MAX / 2) bt[i].irep = NULL;\
    else mrb_irep_incref(mrb, (mrb_irep*)bt[i].irep);\
  }\
  bt[len].irep = NULL;\
  bt[len].idx = INT32_MIN;\
}\
\
static void\
bt_free(mrb_state *mrb, void *data)\
{\
  struct backtrace_location *bt = (struct backtrace_location*)data;\
  if (!bt) return;\
  for (int i=0; bt[i].idx != INT32_MIN; i++) {\
    if (bt_holds(bt, i)) mrb_irep_decref(mrb, (mrb_irep*)bt[i].irep);\
  }\
  mrb_free(mrb, bt);\
}\

}
s/mrb_malloc(mrb, len \* sizeof(struct backtrace_location))/mrb_malloc(mrb, (len + 1) * sizeof(struct backtrace_location))/
s/^    each_backtrace(mrb, ciidx, pack_backtrace_i, &ptr);/&\
    bt_hold(mrb, (struct backtrace_location*)backtrace->data, len);/
