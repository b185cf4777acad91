/* How an interpreter ends by its own will: exit, exit!, abort, at_exit, SystemExit.
 *
 * exit and abort raise SystemExit; when nobody rescues it the interpreter ends, after the blocks of
 * at_exit. exit! leaves at once: no ensure runs, and no block. A port that is closed, a kill and a
 * limit run no block either.
 *
 * Called on the job's stack; the functions defined here by Ruby code.
 */
#ifndef RUBEAM_RUBY_EXIT_H
#define RUBEAM_RUBY_EXIT_H

#include "ruby.h"

/* Defines all of it, and sets ruby->exit_class and ruby->at_exit. Must be protected: it can raise. */
void ruby_exit_init(struct ruby *ruby);

/* The status of a SystemExit. */
int64_t ruby_exit_status(mrb_state *mrb, mrb_value exception);

/* Takes the last of the blocks that at_exit was given; false: there is none left. The arena keeps it
 * from the collector. */
bool ruby_exit_take_block(struct ruby *ruby, mrb_value *block);

#endif
