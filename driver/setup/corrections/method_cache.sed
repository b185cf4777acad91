# A correction of mruby 3.3.0's src/class.c and include/mruby.h.
#
# Each definition of a method looked through the whole method cache for its name: two fifths of the time in which an
# interpreter was opened, when the cache is as good as empty. A bit for each name tells now that it may be there.
s|^  struct mrb_cache_entry cache\[MRB_METHOD_CACHE_SIZE\];|&\n  uint8_t cache_names[64]; /* a bit for each name that may be in it */|
/^mc_clear(mrb_state \*mrb)/,/^}/ {
  s|^  for (int i=0;.*|  memset(mrb->cache_names, 0, sizeof mrb->cache_names);\n&|
}
/^mc_clear_by_id(mrb_state \*mrb, mrb_sym id)/,/^}/ {
  s|^  for (int i=0;.*|  if (!(mrb->cache_names[(id >> 3) \& 63] \& (1 << (id \& 7)))) return;\n&|
}
/^mrb_vm_find_method(mrb_state/,/^}/ {
  s|^\( *\)mc->mid = mid;|&\n\1mrb->cache_names[(mid >> 3) \& 63] \|= (uint8_t)(1 << (mid \& 7));|
}
