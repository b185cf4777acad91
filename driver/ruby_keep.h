/* Objects of ours in the interpreter that must live as long as it does, and that Ruby code must not
 * find.
 *
 * They are kept under names of global variables that no code can say; Kernel#global_variables leaves
 * these out (ruby_api.c). What mrb_gc_register keeps, Ruby could empty: ObjectSpace.each_object finds
 * its array.
 *
 * While an interpreter is opened, protected: both can raise NoMemoryError.
 */
#ifndef RUBEAM_RUBY_KEEP_H
#define RUBEAM_RUBY_KEEP_H

#include <mruby.h>

/* `name` must differ from all others, and not begin with $. */
void ruby_keep(mrb_state *mrb, const char *name, void *object);

/* Keeps a new array, which is for ours alone. */
struct RArray *ruby_keep_array(mrb_state *mrb, const char *name);

#endif
