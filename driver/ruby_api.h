/* What Ruby code finds beyond mruby: output, send_response, sleep, exit, Erlang's exceptions.
 *
 * Called by ruby.c alone, on the job's stack; the functions defined here are called by Ruby code.
 */
#ifndef RUBEAM_RUBY_API_H
#define RUBEAM_RUBY_API_H

#include "ruby.h"

/* Defines everything in ruby->mrb. Must be protected: it can raise. Sets ruby->exit_class and
 * ruby->at_exit, and attaches the slice with the exceptions that a stop raises. */
void ruby_api_init(struct ruby *ruby);

/* Kernel#global_variables: an Array of Symbols. */
mrb_value ruby_global_variables(mrb_state *mrb, mrb_value self);

#endif
