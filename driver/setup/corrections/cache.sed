# A correction of mruby 3.3.0's src/class.c and include/mruby.h.
#
# Each definition of a method went through the whole cache of methods, 10 KB, to drop what is cached for
# that name; an interpreter that is opened defines some 1,700, and nearly half of the time went there. Now a
# set of bits says which names may be in the cache at all; few are.
s/^  struct mrb_cache_entry cache\[MRB_METHOD_CACHE_SIZE\];/&\
  uint64_t cached_names[16]; \/* bits of the names that may be in it *\//
/^mc_clear(mrb_state/,/^}/ s/^  for (int i=0/  for (int i=0; i<16; i++) mrb->cached_names[i] = 0;\
&/
/^mc_clear_by_id(mrb_state/,/^}/ s/^  struct mrb_cache_entry \*mc = mrb->cache;/&\
\
  if ((mrb->cached_names[(id >> 6) \& 15] \& (uint64_t)1 << (id \& 63)) == 0) return;/
s/^        mc->mid = mid;/&\
        mrb->cached_names[(mid >> 6) \& 15] |= (uint64_t)1 << (mid \& 63);/
