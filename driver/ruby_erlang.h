/* The module Erlang as Ruby code sees it: call, send, self, on_message.
 *
 * Called on the job's stack. What is waited for, and where it goes, is the host's affair (ruby.h).
 */
#ifndef RUBEAM_RUBY_ERLANG_H
#define RUBEAM_RUBY_ERLANG_H

#include "ruby.h"

/* Defines the functions, and Erlang::CallError. Must be protected: it can raise. */
void ruby_erlang_init(struct ruby *ruby, struct RClass *erlang);

/* Hands a term to the block of Erlang.on_message. Without one it is kept until there is one, and
 * queue_limit of them at most. Must be protected: raises what the block raises, and RuntimeError
 * where too many wait. */
void ruby_erlang_message(struct ruby *ruby, struct piece term);

#endif
