/* Erlang functions that a job calls: see interp_call.h. */
#include "interp_call.h"

#include "etf.h"
#include "interp_answer.h"
#include "interp_run.h"

/* --- on the job's stack --- */

/* {call, {Token or Id, Number}, Name, Args}; `body` is Name and Args. */
static void put_call(struct buffer *frame, const struct job *job, uint64_t number,
                     struct piece body)
{
  const struct request *request = &job->request;
  buffer_clear(frame);
  etf_put_version(frame);
  etf_put_tuple(frame, 4);
  etf_put_atom(frame, "call", 4);
  etf_put_tuple(frame, 2);
  if (!job->framed && !request_is_cast(request))
    etf_put_integer(frame, (int64_t)job->token);
  else if (request->has_id)
    etf_put_raw(frame, request->id.bytes, request->id.length);
  else
    etf_put_atom(frame, "undefined", 9);
  etf_put_integer(frame, (int64_t)number);
  buffer_put(frame, body.bytes, body.length);
}

/* [lock] From here on others may have it. False: there is nobody who could run a function for this job. */
static bool make_call(const struct interp *interp, const struct job *job, uint64_t number,
                      int64_t until)
{
  struct erlang_call *call = job->call;
  bool frames = interp->options.packet != PACKET_LINE || job->route == ROUTE_TOKEN ||
                job->route == ROUTE_CALLER || job->route == ROUTE_CONTROL;
  call->number = number;
  call->until = until;
  call->handler = 0;
  call->sending = call->asked = false;
  call->pending = STOP_NONE;
  if (job->route == ROUTE_NONE || !frames) return false;
  call->state = CALL_MADE;
  return true;
}

/* What the job has waited for is there. The call is then none any more. */
static bool is_over(struct interp *interp, struct job *job, int64_t until,
                    struct ruby_called *called)
{
  struct erlang_call *call = job->call;
  bool over = true;
  pthread_mutex_lock(&interp->lock);
  if (slice_stop_is_due(&interp->slice)) {
    called->how = RUBY_CALL_STOPPED;
  } else if (call->state == CALL_RETURNED && call->result) {
    const struct request *request = &call->result->request;
    *called = (struct ruby_called){
        .how = request->failed ? RUBY_CALL_FAILED : RUBY_CALL_OK,
        .value = request->value,
        .from_vm = request->from_vm,
    };
  } else if (call->state == CALL_RETURNED || now_ns() >= until) {
    called->how = RUBY_CALL_NOBODY;
  } else {
    over = false;
  }
  if (over) {
    call->state = CALL_NONE;
    call->handler = 0;
  }
  pthread_mutex_unlock(&interp->lock);
  return over;
}

static void run_nested(struct interp *interp)
{
  interp_carry_out(interp);
  interp->current->done = true;
}

void interp_call_read(void *context)
{
  const struct interp *interp = context;
  struct erlang_call *call = interp->current->call;
  job_close(call->result);
  call->result = NULL;
}

struct ruby_called interp_call(void *context, struct piece body)
{
  struct interp *interp = context;
  struct job *job = interp->current;
  struct ruby_called called = {.how = RUBY_CALL_NO_MEMORY};
  struct erlang_call *call = job->call ? job->call : erlang_call_open(interp->options.max_frame);
  if (!call) return called;
  job_close(call->result); /* of the last call, if it could not be read */
  call->result = NULL;
  uint64_t number = ++interp->last_call;
  put_call(&call->frame, job, number, body);
  enum status status = buffer_status(&call->frame);
  int64_t patience = slice_patience(&interp->slice);
  int64_t until = patience == INT64_MAX ? INT64_MAX : now_ns() + patience;
  pthread_mutex_lock(&interp->lock);
  job->call = call;
  bool made = !status && make_call(interp, job, number, until);
  pthread_mutex_unlock(&interp->lock);
  if (status == STATUS_TOO_LARGE) called.how = RUBY_CALL_TOO_LARGE;
  if (!status && !made) called.how = RUBY_CALL_NOBODY;
  if (!made) return called;
  do {
    slice_pause(&interp->slice, until);
    while (interp->current != job) {
      run_nested(interp);
      slice_pause(&interp->slice, INT64_MAX); /* for its holder to answer it */
    }
  } while (!is_over(interp, job, until, &called));
  return called;
}

/* --- telling who is to run it --- */

/* [lock] A copy, since the job may go on, on another thread, before the callback is left. */
static bool answer_call(struct interp *interp, struct erlang_call *call, struct answer *answer)
{
  struct buffer *told = &interp->told;
  buffer_clear(told);
  buffer_put(told, call->frame.bytes, call->frame.length);
  if (buffer_status(told) != STATUS_OK) return false;
  answer->kind = ANSWER_NOW;
  answer->bytes = told->bytes;
  answer->length = told->length;
  answer->watch_caller = true;
  return true;
}

bool call_hand_over(struct interp *interp, struct job *job, uintptr_t handler,
                    struct answer *answer)
{
  struct erlang_call *call = job->call;
  if (!answer_call(interp, call, answer)) return false;
  call->state = CALL_TAKEN;
  call->handler = handler;
  return true;
}

static void send_call(struct interp *interp, struct job *job, enum route route)
{
  const struct transport *to = interp->transport;
  const struct buffer *frame = &job->call->frame;
  switch (route) {
  case ROUTE_NONE:
  case ROUTE_TOKEN: break;
  case ROUTE_CAST:
  case ROUTE_OWNER: answer_owner(interp, frame->bytes, frame->length); break;
  case ROUTE_CONTROL: to->to_caller(interp->home, job->caller, frame->bytes, frame->length); break;
  case ROUTE_CALLER:
    to->answer(interp->home, job->caller, job->address,
               (struct piece){frame->bytes, frame->length});
    break;
  }
}

/* Does the process that the port's callback is for wait in it for the job's answer? (Of a cast, it does
 * not.) */
static bool waits_here(const struct job *job, enum way way)
{
  return (way == WAY_REQUEST && job->route == ROUTE_TOKEN) ||
         (way == WAY_CONTROL && job->route == ROUTE_CONTROL);
}

void call_tell(struct interp *interp, enum way way, bool direct, struct answer *answer)
{
  struct job *job = interp->current;
  bool send = false;
  pthread_mutex_lock(&interp->lock);
  enum route route = job->route;
  if (job_calls(job) && job->call->state == CALL_MADE && !interp->closing) {
    if (direct && waits_here(job, way)) {
      (void)call_hand_over(interp, job, job->caller, answer); /* else the answer is a token */
    } else if (route != ROUTE_TOKEN) {                        /* a token waits to be claimed */
      job->call->state = CALL_TOLD;
      job->call->sending = send = true;
    }
  }
  pthread_mutex_unlock(&interp->lock);
  if (!send) return;
  send_call(interp, job, route);
  pthread_mutex_lock(&interp->lock);
  job->call->sending = false;
  pthread_mutex_unlock(&interp->lock);
}

/* --- taking and returning --- */

static bool has_call(const struct job *job, const void *number)
{
  return job_calls(job) && job->call->number == *(const uint64_t *)number &&
         (job->call->state == CALL_TOLD || job->call->state == CALL_TAKEN);
}

/* Its time was over, or somebody else has it. Frames are sent ahead: there it is ordinary. */
static void answer_gone(struct interp *interp, struct job *job, enum way way, struct answer *answer)
{
  if (way == WAY_FRAME || way == WAY_CONTROL || !job_route(job, ROUTE_TOKEN)) {
    job_close(interp->spare);
    interp->spare = job;
    return;
  }
  job_fail(job, "gone");
  answer_give(interp, job, WAY_REQUEST, answer);
}

struct job *call_find(struct interp *interp, uint64_t number)
{
  return interp_find_job(interp, has_call, &number);
}

void call_take(struct interp *interp, struct job *job, enum way way, struct answer *answer)
{
  pthread_mutex_lock(&interp->lock);
  struct job *asker = call_find(interp, job->request.call_number);
  bool taken = asker && asker->call->state == CALL_TOLD && job->caller != 0;
  if (taken) {
    asker->call->state = CALL_TAKEN;
    asker->call->handler = job->caller;
  }
  pthread_mutex_unlock(&interp->lock);
  if (!taken) {
    answer_gone(interp, job, way, answer);
    return;
  }
  answer->kind = way == WAY_REQUEST ? ANSWER_ACCEPTED : ANSWER_NONE;
  answer->watch_caller = true;
  job_close(interp->spare);
  interp->spare = job;
}

void call_return(struct interp *interp, struct job *job, enum way way, struct answer *answer)
{
  bool direct = false, here = false;
  pthread_mutex_lock(&interp->lock);
  struct job *asker = call_find(interp, job->request.call_number);
  if (asker) {
    bool resume = interp_state(interp) == INTERP_WAITING && asker == interp->current;
    asker->call->state = CALL_RETURNED;
    asker->call->handler = 0;
    asker->call->result = job;
    direct = !job->request.accept && asker->caller == job->caller && waits_here(asker, way);
    answer->kind = way == WAY_REQUEST ? ANSWER_ACCEPTED : ANSWER_NONE;
    if (direct) answer_later(asker, way, answer);
    here = resume && interp_may_run_here(interp, job);
    if (here)
      interp_move(interp, INTERP_INLINE);
    else if (resume)
      interp_hurry(interp);
  }
  pthread_mutex_unlock(&interp->lock);
  if (!asker)
    answer_gone(interp, job, way, answer);
  else if (here)
    interp_run_here(interp, way, direct, answer);
}

static bool is_taken_by(const struct job *job, const void *handler)
{
  return job->call && job->call->state == CALL_TAKEN &&
         job->call->handler == *(const uintptr_t *)handler;
}

struct job *call_of_handler(struct interp *interp, uintptr_t handler)
{
  return handler == 0 ? NULL : interp_find_job(interp, is_taken_by, &handler);
}

void call_handler_gone(struct interp *interp, uintptr_t handler)
{
  for (struct job *job; (job = call_of_handler(interp, handler));) {
    job->call->state = CALL_RETURNED;
    job->call->handler = 0;
    if (job == interp->current && interp_state(interp) == INTERP_WAITING) interp_hurry(interp);
  }
}

/* --- jobs upon it --- */

bool call_may_nest(const struct interp *interp)
{
  unsigned depth = 0;
  for (const struct job *job = interp->current; job; job = job->outer) depth++;
  return depth <= NESTED_MOST;
}

/* Upon a job that has been stopped it has no more time than that one has left. */
void call_nest(struct interp *interp, struct job *job)
{
  job->outer = interp->current;
  job->started = true;
  if (job->outer->call->until < job->deadline) {
    job->deadline = job->outer->call->until;
    interp_ring(interp, job->deadline);
  }
  slice_push(&interp->slice, &job->outer->call->level);
  interp->current = job;
}

void call_unnest(struct interp *interp)
{
  struct job *job = interp->current->outer;
  interp->current = job;
  if (!job) return;
  slice_pop(&interp->slice, &job->call->level);
  if (job->call->pending != STOP_NONE) slice_stop(&interp->slice, job->call->pending);
  job->call->pending = STOP_NONE;
}

static bool is_within(const struct job *job, const void *number)
{
  return job->within == *(const uint64_t *)number;
}

bool call_moves(struct interp *interp)
{
  struct erlang_call *call = interp->current->call;
  if (call->state == CALL_RETURNED || slice_stop_is_due(&interp->slice)) return true;
  if (!call->asked) return false;
  struct job *nested = job_list_find(&interp->queue, is_within, &call->number);
  call->asked = nested != NULL;
  if (!nested) return false;
  job_list_take(&interp->queue, nested);
  call_nest(interp, nested);
  return true;
}
