/* The pages that mruby keeps its objects in, freed of their history: which slots were in use once, and in which order
 * they were freed, the marks of collections that are over; and what calls that are over have left in mruby's lists. Two interpreters with the same objects in the same places are
 * the same after that.
 *
 * This knows what gc.c keeps to itself. */
#ifndef RUBEAM_RUBY_SLOTS_H
#define RUBEAM_RUBY_SLOTS_H

#include <mruby.h>

/* `copy` is a copy of the memory at `heap`, in which the state lies, right after a full collection. Only the copy is
 * changed: it remains a right one of that state. Pointers in it are still those of the original. */
void ruby_slots_settle(const mrb_state *mrb, const char *heap, char *copy);

#endif
