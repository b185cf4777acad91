/* A call of an Erlang function by a job, which waits for it: Erlang.call(name, *args).
 *
 * A job has at most one under way. Meanwhile other jobs may run upon it, on the same stack: requests
 * that the function itself makes. Only data, like a job; who may touch what stands at the fields,
 * and in interp_call.h.
 */
#ifndef RUBEAM_ERLANG_CALL_H
#define RUBEAM_ERLANG_CALL_H

#include "buffer.h"
#include "slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct job;

enum erlang_call_state {
  CALL_NONE,    /* there is none */
  CALL_MADE,    /* its frame is written, and nobody has it yet */
  CALL_TOLD,    /* the frame was sent */
  CALL_TAKEN,   /* `handler` runs the function */
  CALL_RETURNED /* `result` is there */
};

struct erlang_call {
  enum erlang_call_state state; /* [lock] */
  uint64_t number;              /* [lock to write] names it in its interpreter */
  uintptr_t handler;            /* [lock] the process that runs the function; 0: none is known */
  bool sending;                 /* [lock] the frame is on its way */
  struct buffer frame;          /* [holder; lock once made] {call, {Token, Number}, Name, Args} */
  struct job *result; /* the request that brought it, owned; NULL: the handler is dead. [lock] while
                       the state is not NONE, else the holder's */
  struct slice_level level; /* [lock] of the job's own slices, while another one runs upon it */
  enum stop pending;        /* [lock] a stop of the job that came meanwhile */
  bool asked;               /* [lock] the queue may hold requests of the handler's */
  int64_t until;            /* [lock] the job waits no longer; INT64_MAX: as long as it takes */
};

/* NULL: no memory. */
struct erlang_call *erlang_call_open(size_t max_frame);
void erlang_call_close(struct erlang_call *call); /* NULL is fine */

/* Of a job that is over: there is no call any more. The place can be used again. */
void erlang_call_clear(struct erlang_call *call);

#endif
