# An addition to mruby 3.3.0's include/mruby/gc.h and src/gc.c: collections are counted, for info.
s|^  size_t live_after_mark;          /\* old generation objects \*/|&\
  size_t collections;              /* so many so far, small and large */|
/^prepare_incremental_sweep(/,/^}/ s/^  gc->live_after_mark = gc->live;/&\
  gc->collections++;/
