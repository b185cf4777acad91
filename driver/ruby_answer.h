/* Requests carried out in an interpreter.
 *
 * All evals of an interpreter share one scope, as `eval(cmd, binding)` in a standard Ruby would:
 * local variables live on, blocks and lambdas see the later values. (mruby allows such a scope
 * about 240 names.) A text that is evaluated again and again is compiled once: ruby_cache.h.
 *
 * Who calls: the thread that holds the running slice, on the job's stack.
 */
#ifndef RUBEAM_RUBY_ANSWER_H
#define RUBEAM_RUBY_ANSWER_H

#include "buffer.h"
#include "request.h"
#include "ruby.h"

#include <stdint.h>

/* How a request ended. */
enum outcome {
  OUTCOME_OK,        /* {ok, Value} is in the reply */
  OUTCOME_ERROR,     /* {error, Error} is in the reply */
  OUTCOME_NO_MEMORY, /* NoMemoryError; only the prefix is in the reply */
  OUTCOME_EXIT       /* SystemExit; `exit_status` says which */
};

/* Carries out an eval or a call. `reply`, which is empty, gets the bytes of `prefix` and, for
 * OUTCOME_OK and OUTCOME_ERROR, {ok, Value} or {error, Error} after them, as far as memory is to be
 * had: see buffer_status. Never lets an exception out. `exit_status` is written for OUTCOME_EXIT.
 */
enum outcome ruby_answer(struct ruby *ruby, const struct request *request, struct piece prefix,
                         struct buffer *reply, int64_t *exit_status);

#endif
