/* Calls of Erlang functions as data. See erlang_call.h. */
#include "erlang_call.h"

#include "job.h"

#include <stdlib.h>

struct erlang_call *erlang_call_open(size_t max_frame)
{
  struct erlang_call *call = calloc(1, sizeof *call);
  if (call) buffer_init(&call->frame, max_frame);
  return call;
}

void erlang_call_close(struct erlang_call *call)
{
  if (!call) return;
  job_close(call->result);
  buffer_fini(&call->frame);
  free(call);
}

void erlang_call_clear(struct erlang_call *call)
{
  job_close(call->result);
  call->result = NULL;
  call->state = CALL_NONE;
}
