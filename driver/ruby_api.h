/* What Ruby code finds beyond mruby: output, send_response, sleep, the exceptions of a stop.
 *
 * Called on the job's stack; the functions defined here are called by Ruby code.
 */
#ifndef RUBEAM_RUBY_API_H
#define RUBEAM_RUBY_API_H

#include "ruby.h"

/* Defines all of it, and attaches the slice with the exceptions that a stop raises. Must be protected:
 * it can raise. */
void ruby_api_init(struct ruby *ruby, struct RClass *erlang);

/* Kernel#global_variables: an Array of Symbols. */
mrb_value ruby_global_variables(mrb_state *mrb, mrb_value self);

#endif
