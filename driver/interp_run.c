/* The life of a job, from its first slice to its answer; and what ends an interpreter. */
#include "interp_run.h"

#include "etf.h"
#include "interp_answer.h"
#include "interp_call.h"
#include "interp_event.h"
#include "ruby_answer.h"
#include "ruby_open.h"
#include "test_points.h"

#include <string.h>

/* --- carrying out --- */

void interp_carry_out(struct interp *interp)
{
  struct job *job = interp->current;
  job->outcome =
      ruby_answer(&interp->ruby, &job->request, job->head, &job->reply, &job->exit_status);
}

static void job_body(void *data)
{
  struct interp *interp = data;
  interp_carry_out(interp);
  slice_tidy(&interp->slice);
}

/* One slice of the current job. [holder] */
static enum slice_end run_slice(struct interp *interp, bool on_scheduler)
{
  struct job *job = interp->current;
  enum slice_end end = SLICE_RETURNED;
  enum status status = STATUS_OK;
  if (!job->started) {
    if (slice_stopped(&interp->slice) != STOP_NONE) return SLICE_RETURNED;
    status = slice_start(&interp->slice, job_body, interp);
    job->started = !status;
  }
  if (!status) status = slice_run(&interp->slice, on_scheduler, &end);
  if (status) { /* no stack, or no memory for this thread */
    bool midway = job->begun || job->outer;
    slice_fini(&interp->slice);
    job->outcome = OUTCOME_NO_MEMORY;
    interp->slice.killed = KILL_MEMORY;
    return midway ? SLICE_KILLED : SLICE_RETURNED; /* Ruby can't be left in the middle */
  }
  job->begun = true;
  interp_note_memory(interp);
  return end == SLICE_WAITING && job->done ? SLICE_RETURNED : end;
}

static const char *kill_name(enum kill why)
{
  switch (why) {
  case KILL_NONE:
  case KILL_STUBBORN: return "killed";
  case KILL_MEMORY: return "memory_limit";
  case KILL_STACK: return "stack_overflow";
  case KILL_ABORT: return "aborted";
  case KILL_EXIT: return "closed"; /* for who waits */
  }
  return "killed";
}

/* Did the script end the interpreter by its own will? */
static bool has_left(const struct interp *interp, const struct job *job, enum slice_end end)
{
  if (end == SLICE_KILLED) return interp->slice.killed == KILL_EXIT;
  return job->outcome == OUTCOME_EXIT;
}

/* The job is over, with `end`: writes the answer that its outcome asks for. The outcome's name, for an
 * event. [holder] */
static const char *conclude(struct interp *interp, struct job *job, enum slice_end end)
{
  struct interp_counts *counts = &interp->counts;
  enum stop stopped = slice_stopped(&interp->slice);
  const char *name = NULL;
  interp_count(&counts->jobs);
  interp_count(job->request.kind == REQUEST_CALL ? &counts->calls : &counts->evals);
  if (stopped == STOP_TIMEOUT) {
    interp_count(&counts->timeouts);
    name = "timeout";
  } else if (stopped == STOP_INTERRUPT) {
    interp_count(&counts->interrupts);
    name = "interrupted";
  } else if (end == SLICE_KILLED) {
    name = kill_name(interp->slice.killed);
  } else if (job->outcome == OUTCOME_NO_MEMORY) {
    name = "memory_limit";
  } else if (job->outcome == OUTCOME_EXIT) {
    name = "closed";
  }
  const char *event = name ? name : job->outcome == OUTCOME_OK ? "ok" : "error";
  if (stopped == STOP_ABANDON) event = "abandoned";
  if (stopped == STOP_NONE && has_left(interp, job, end)) event = "exit";
  if (name || job->outcome != OUTCOME_OK) interp_count(&counts->errors);
  if (name && job->route == ROUTE_CAST && stopped != STOP_NONE) job_route(job, ROUTE_OWNER);
  if (name) job_fail(job, name);
  return event;
}

/* Writes {exit, Reason}. */
static void put_exit(struct buffer *frame, const char *name, int64_t status)
{
  etf_put_version(frame);
  etf_put_tuple(frame, 2);
  etf_put_atom(frame, "exit", 4);
  if (name)
    etf_put_atom(frame, name, strlen(name));
  else
    etf_put_integer(frame, status);
}

/* What ends an interpreter. */
enum ending { ENDING_NONE, ENDING_KILLED, ENDING_EXIT, ENDING_CAST };

/* To be asked before `conclude` writes the answer. [holder] */
static enum ending ending_of(struct interp *interp, const struct job *job, enum slice_end end)
{
  if (end == SLICE_KILLED) return ENDING_KILLED;
  if (job->outcome == OUTCOME_OK || slice_stopped(&interp->slice) != STOP_NONE) return ENDING_NONE;
  if (job->outcome == OUTCOME_EXIT) return ENDING_EXIT;
  return job->route == ROUTE_CAST ? ENDING_CAST : ENDING_NONE;
}

/* How an interpreter ends. */
struct last {
  enum ending ending;
  const char *reason; /* NULL: `status` is it */
  int64_t status;
  struct buffer frame;
};

/* {exit, Reason}; of a cast that raised, the reply is that already. */
static void put_last_frame(const struct interp *interp, struct job *job, struct last *last)
{
  const struct slice *slice = &interp->slice;
  buffer_init(&last->frame, interp->options.max_frame);
  if (last->ending == ENDING_CAST) {
    last->reason = "error";
    answer_check(job);
    buffer_put(&last->frame, job->reply.bytes, job->reply.length);
    return;
  }
  bool killed = last->ending == ENDING_KILLED, left = slice->killed == KILL_EXIT;
  last->reason = killed && !left ? kill_name(slice->killed) : NULL;
  last->status = killed ? slice->exit_status : job->exit_status;
  put_exit(&last->frame, last->reason, last->status);
}

/* Ruby's memory goes at once; the port is closed by its own thread. Frees the frame. [holder, who
 * then holds nothing] */
static void end_interp(struct interp *interp, struct last *last)
{
  slice_fini(&interp->slice);
  ruby_close(&interp->ruby);
  heap_close(interp->heap);
  interp->heap = NULL;
  struct job_list others = {NULL, NULL, 0};
  pthread_mutex_lock(&interp->lock);
  bool closing = interp->closing;
  while (interp->current) { /* those that it ran upon */
    job_list_append(&others, interp->current);
    interp->current = interp->current->outer;
  }
  interp_move(interp, INTERP_ENDED);
  if (closing) job_list_drop(&others); /* interp_close has answered them */
  answer_fail(interp, &others, "closed");
  answer_fail(interp, &interp->queue, "closed");
  pthread_mutex_unlock(&interp->lock);
  answer_tell(interp, true);
  if (!closing) {
    if (interp->options.packet != PACKET_LINE)
      interp->transport->last(interp->home, last->frame.bytes, last->frame.length);
    interp->end_reason = last->reason;
    interp->end_status = last->status;
    atomic_store(&interp->over, true);
    interp->transport->tend(interp->home);
  }
  buffer_fini(&last->frame);
}

void interp_end_killed(struct interp *interp)
{
  struct last last = {.ending = ENDING_KILLED, .reason = kill_name(interp->slice.killed)};
  buffer_init(&last.frame, interp->options.max_frame);
  put_exit(&last.frame, last.reason, 0);
  pthread_mutex_lock(&interp->lock);
  event_note_exit(interp, last.reason, 0);
  pthread_mutex_unlock(&interp->lock);
  event_send(interp);
  end_interp(interp, &last);
}

/* Answers the current job, which is over, and ends the interpreter if that is what it did. True:
 * the holder goes on, with the one that it ran upon, or none. [holder: the pool] */
static bool settle(struct interp *interp, enum slice_end end)
{
  struct job *job = interp->current;

  pthread_mutex_lock(&interp->lock);
  struct last last; /* its frame is large, and mostly not needed: only put_last_frame fills it */
  last.ending = ending_of(interp, job, end);
  const char *outcome = conclude(interp, job, end);
  if (!interp->closing) event_note(interp, job, outcome);
  if (last.ending) put_last_frame(interp, job, &last);
  if (last.ending && !interp->closing) event_note_exit(interp, last.reason, last.status);
  bool answered = interp->closing; /* by interp_close */
  bool keep = !answered && job->route == ROUTE_TOKEN;
  if (keep) {
    call_unnest(interp);
    job_list_append(&interp->finished, job);
  } else {
    job->replying = true; /* from here on it is this thread's alone */
  }
  pthread_mutex_unlock(&interp->lock);
  event_send(interp);

  if (!keep) {
    TEST_POINT(POINT_REPLYING);
    if (!answered) answer_send(interp, job);
    pthread_mutex_lock(&interp->lock);
    call_unnest(interp);
    pthread_mutex_unlock(&interp->lock);
    job_close(job);
  }
  if (last.ending) end_interp(interp, &last);
  return !last.ending;
}

/* [lock] */
static void watch_deadlines(struct interp *interp)
{
  for (struct job *job = interp->current; job; job = job->outer) interp_watch_deadline(interp, job);
}

/* The job gives way, or waits: where to now? [holder, who then holds nothing] `pooled`: the
 * reference of the pool is held. */
static void put_aside(struct interp *interp, enum slice_end end, bool pooled)
{
  pthread_mutex_lock(&interp->lock);
  if (!pooled) watch_deadlines(interp);
  if (interp->closing) {
    pthread_mutex_unlock(&interp->lock);
    if (pooled) interp_release(interp);
    return;
  }
  bool wait = end == SLICE_WAITING;
  if (wait && job_calls(interp->current))
    wait = !call_moves(interp);
  else if (wait)
    wait = slice_stopped(&interp->slice) == STOP_NONE;
  if (wait) {
    interp->wake_at = interp->slice.wake_at;
    interp_move(interp, INTERP_WAITING);
    interp_ring(interp, interp->wake_at);
  } else {
    if (!pooled) interp_retain(interp);
    interp_submit(interp);
  }
  pthread_mutex_unlock(&interp->lock);
  if (wait && pooled) interp_release(interp);
}

/* A job is over. The one that it ran upon goes on or waits, or the next one begins, or there is none.
 * [holder, who then holds nothing] `pooled`: as above. */
static void rest(struct interp *interp, bool pooled)
{
  bool moves = false;
  pthread_mutex_lock(&interp->lock);
  if (!pooled) interp_retain(interp);
  if (!interp->closing) {
    if (interp->current) {
      watch_deadlines(interp);
      moves = call_moves(interp);
    } else if ((interp->current = job_list_take_first(&interp->queue))) {
      slice_ready(&interp->slice);
      moves = true;
    }
    if (moves) {
      interp_submit(interp);
    } else {
      interp->wake_at = interp->current ? interp->current->call->until : INT64_MAX;
      interp_move(interp, interp->current ? INTERP_WAITING : INTERP_IDLE);
      interp_ring(interp, interp->wake_at);
    }
  }
  pthread_mutex_unlock(&interp->lock);
  if (!moves) interp_release(interp);
}

void interp_run(struct task *task)
{
  struct interp *interp = (struct interp *)(void *)((char *)task - offsetof(struct interp, task));
  pthread_mutex_lock(&interp->lock);
  bool closing = interp->closing;
  if (!closing) interp_move(interp, INTERP_POOL);
  pthread_mutex_unlock(&interp->lock);
  if (closing) {
    interp_release(interp);
    return;
  }
  TEST_POINT(POINT_POOL);
  enum slice_end end = run_slice(interp, false);
  switch (end) {
  case SLICE_WAITING: call_tell(interp, WAY_FRAME, false, NULL); /* fallthrough */
  case SLICE_PREEMPTED: put_aside(interp, end, true); break;
  case SLICE_RETURNED:
  case SLICE_KILLED:
    if (settle(interp, end))
      rest(interp, true);
    else
      interp_release(interp);
    break;
  }
}

/* --- in the callback that it came in --- */

/* Its answer goes another way than back to the callback. [port; the job is nobody else's] */
static void send_inline(struct interp *interp, struct job *job)
{
  if (job->route == ROUTE_TOKEN) { /* to be claimed */
    pthread_mutex_lock(&interp->lock);
    job_list_append(&interp->finished, job);
    pthread_mutex_unlock(&interp->lock);
    return;
  }
  answer_send(interp, job);
  job_close(job);
}

/* An inline slice ended the job. [port, holder] `resumed`: it had left the port before, so others may
 * wait. */
static void finish_inline(struct interp *interp, enum slice_end end, enum way way, bool direct,
                          bool resumed, struct answer *answer)
{
  struct job *job = interp->current;
  struct last last; /* as in settle */
  last.ending = ending_of(interp, job, end);
  const char *outcome = conclude(interp, job, end);
  if (last.ending) put_last_frame(interp, job, &last);
  if (interp->options.events) {
    pthread_mutex_lock(&interp->lock);
    event_note(interp, job, outcome);
    if (last.ending) event_note_exit(interp, last.reason, last.status);
    pthread_mutex_unlock(&interp->lock);
    event_send(interp);
  }
  call_unnest(interp);
  if (!direct) {
    send_inline(interp, job);
  } else if (job->route == ROUTE_CAST || job->route == ROUTE_NONE) {
    answer->kind = way == WAY_REQUEST ? ANSWER_ACCEPTED : ANSWER_NONE;
    job_close(interp->spare);
    interp->spare = job;
  } else {
    answer_give(interp, job, job->route == ROUTE_OWNER ? WAY_FRAME : way, answer);
  }
  if (last.ending)
    end_interp(interp, &last);
  else if (resumed)
    rest(interp, false);
  else
    interp_move(interp, INTERP_IDLE);
}

/* [port; INLINE] */
static void run_here(struct interp *interp, enum way way, bool direct, bool resumed,
                     struct answer *answer)
{
  enum slice_end end = run_slice(interp, true);
  switch (end) {
  case SLICE_PREEMPTED:
  case SLICE_WAITING:
    if (direct) answer_later(interp->current, way, answer);
    answer->ran_long = end == SLICE_PREEMPTED;
    if (end == SLICE_WAITING) call_tell(interp, way, direct, answer);
    put_aside(interp, end, false); /* afterwards it is no more ours to look at */
    break;
  case SLICE_RETURNED:
  case SLICE_KILLED: finish_inline(interp, end, way, direct, resumed, answer); break;
  }
}

void interp_run_here(struct interp *interp, enum way way, bool direct, struct answer *answer)
{
  run_here(interp, way, direct, true, answer);
}

bool interp_may_run_here(const struct interp *interp, const struct job *job)
{
  return job->length <= INLINE_BYTES && heap_used(interp->heap) <= INLINE_MEMORY;
}

/* [port; the interpreter is idle, and so the port's] */
void interp_start(struct interp *interp, struct job *job, enum way way, struct answer *answer)
{
  interp->current = job;
  slice_ready(&interp->slice);
  if (!interp_may_run_here(interp, job)) {
    answer_later(job, way, answer);
    pthread_mutex_lock(&interp->lock);
    interp_watch_deadline(interp, job);
    interp_retain(interp);
    interp_submit(interp);
    pthread_mutex_unlock(&interp->lock);
    return;
  }
  interp_move(interp, INTERP_INLINE);
  run_here(interp, way, true, false, answer);
}
