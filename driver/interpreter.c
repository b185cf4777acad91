/* Interpreters: see interpreter.h for the states and who may do what. */
#include "interp_state.h"

#include "etf.h"

#include <assert.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

/* A job is young for this many slices. */
#define YOUNG_SLICES 5

/* The heap's limit is the hard one: what mruby may take beyond memory_limit before it is killed. It
 * must leave room for what happens between two instructions: see slice.c. */
static size_t hard_limit(size_t limit)
{
  size_t more = limit / 4;
  return limit + (more > ((size_t)8 << 20) ? more : (size_t)8 << 20);
}

/* --- references --- */

static void retain(struct interp *interp)
{
  atomic_fetch_add_explicit(&interp->references, 1, memory_order_relaxed);
}

static void drop_jobs(struct job_list *list)
{
  for (struct job *job = list->first, *next; job; job = next) {
    next = job->next;
    job_close(job);
  }
  *list = (struct job_list){NULL, NULL, 0};
}

static void free_interp(struct interp *interp)
{
  watchdog_release(); /* the timer itself was taken out by interp_close */
  slice_fini(&interp->slice);
  ruby_close(&interp->ruby);
  heap_close(interp->heap);
  job_close(interp->current);
  job_close(interp->spare);
  drop_jobs(&interp->queue);
  drop_jobs(&interp->finished);
  pthread_mutex_destroy(&interp->lock);
  interp->transport->gone(interp->home);
  free(interp);
}

static void release(struct interp *interp)
{
  if (atomic_fetch_sub_explicit(&interp->references, 1, memory_order_acq_rel) == 1)
    free_interp(interp);
}

/* --- states --- */

static enum interp_state state_of(struct interp *interp)
{
  return (enum interp_state)atomic_load_explicit(&interp->state, memory_order_acquire);
}

/* The one function that changes the state. [lock; from IDLE and INLINE the port may without] */
static void move(struct interp *interp, enum interp_state to)
{
#define TO(state) (1u << (state))
  static const unsigned legal[] = {
      [INTERP_IDLE] = TO(INTERP_INLINE) | TO(INTERP_READY) | TO(INTERP_ENDED),
      [INTERP_INLINE] = TO(INTERP_IDLE) | TO(INTERP_READY) | TO(INTERP_WAITING) | TO(INTERP_ENDED),
      [INTERP_READY] = TO(INTERP_POOL),
      [INTERP_POOL] = TO(INTERP_IDLE) | TO(INTERP_READY) | TO(INTERP_WAITING) | TO(INTERP_ENDED),
      [INTERP_WAITING] = TO(INTERP_READY),
      [INTERP_ENDED] = 0,
  };
#undef TO
  assert(legal[state_of(interp)] & 1u << to);
  (void)legal;
  atomic_store_explicit(&interp->state, to, memory_order_release);
}

/* --- lists --- */

static void append(struct job_list *list, struct job *job)
{
  job->next = NULL;
  if (list->last)
    list->last->next = job;
  else
    list->first = job;
  list->last = job;
  list->length++;
}

static struct job *take_first(struct job_list *list)
{
  struct job *job = list->first;
  if (!job) return NULL;
  list->first = job->next;
  if (!list->first) list->last = NULL;
  list->length--;
  job->next = NULL;
  return job;
}

/* Moves all jobs for which `wanted` says yes to the list `out`. */
static void take_all(struct job_list *list, struct job_list *out,
                     bool (*wanted)(const struct job *, const void *), const void *data)
{
  struct job_list all = *list;
  *list = (struct job_list){NULL, NULL, 0};
  for (struct job *job; (job = take_first(&all));) append(wanted(job, data) ? out : list, job);
}

/* Moves the first of them. */
static void take_one(struct job_list *list, struct job_list *out,
                     bool (*wanted)(const struct job *, const void *), const void *data)
{
  struct job *before = NULL, *job = list->first;
  for (; job && !wanted(job, data); job = job->next) before = job;
  if (!job) return;
  if (before)
    before->next = job->next;
  else
    list->first = job->next;
  if (list->last == job) list->last = before;
  list->length--;
  append(out, job);
}

static bool is_any(const struct job *job, const void *data)
{
  (void)job;
  (void)data;
  return true;
}

static bool has_caller(const struct job *job, const void *data)
{
  const uintptr_t *caller = data;
  return job->caller == *caller && job->caller != 0;
}

static bool has_id(const struct job *job, const void *data)
{
  const struct piece *id = data;
  return job->request.has_id && job->request.id.length == id->length &&
         memcmp(job->request.id.bytes, id->bytes, id->length) == 0;
}

struct address {
  uintptr_t caller;
  struct piece id;
};

static bool has_address(const struct job *job, const void *data)
{
  const struct address *address = data;
  return job->route == ROUTE_CALLER && job->caller == address->caller &&
         job->address.length == address->id.length + 1 &&
         memcmp(job->address.bytes + 1, address->id.bytes, address->id.length) == 0;
}

static bool is_late(const struct job *job, const void *data)
{
  const int64_t *now = data;
  return job->deadline <= *now;
}

/* --- answering --- */

static void send_to_owner(struct interp *interp, const uint8_t *frame, size_t length)
{
  if (interp->options.packet != PACKET_LINE) /* knows no frames */
    interp->transport->to_owner(interp->home, frame, length);
}

#define LEAST_ERROR 32 /* bytes of {error, memory_limit}, and a few */

/* What is sent must fit into a frame. */
static void check_reply(struct job *job)
{
  if (buffer_status(&job->reply) != STATUS_OK) job_raise(job, "the reply is larger than max_frame");
  if (buffer_status(&job->reply) == STATUS_OK) return;
  /* Frames that are too small for an error behind such an Id: the least is still a whole one. */
  size_t least = job->head.length + LEAST_ERROR;
  if (job->reply.limit < least) job->reply.limit = least;
  job_fail(job, "memory_limit");
}

/* Sends the answer that stands in job->reply. Without the lock. [who took the job out of the lists, or
 * set `replying`] */
static void send_reply(struct interp *interp, struct job *job)
{
  const struct transport *to = interp->transport;
  struct buffer *reply = &job->reply;
  check_reply(job);
  switch (job->route) {
  case ROUTE_NONE:
  case ROUTE_TOKEN:
  case ROUTE_CAST: break;
  case ROUTE_OWNER: send_to_owner(interp, reply->bytes, reply->length); break;
  case ROUTE_CONTROL: to->to_caller(interp->home, job->caller, reply->bytes, reply->length); break;
  case ROUTE_CALLER:
    to->answer(interp->home, job->caller, job->address,
               (struct piece){reply->bytes, reply->length});
    break;
  }
}

/* Puts an answered job where its token is claimed. False: the port is closed, nobody will. */
static bool keep_for_claim(struct interp *interp, struct job *job)
{
  pthread_mutex_lock(&interp->lock);
  bool kept = !interp->closing;
  if (kept) append(&interp->finished, job);
  pthread_mutex_unlock(&interp->lock);
  return kept;
}

/* Without the lock. */
static void fail_all(struct interp *interp, struct job_list *list, const char *name)
{
  for (struct job *job; (job = take_first(list));) {
    if (job->route == ROUTE_CAST) job_route(job, ROUTE_OWNER); /* somebody should hear of it */
    job_fail(job, name);
    if (job->route == ROUTE_TOKEN && keep_for_claim(interp, job)) continue;
    send_reply(interp, job);
    job_close(job);
  }
}

/* --- the timer --- */

/* Rings at the earliest of the deadlines and the end of the sleep. [lock] */
static void ring_at_latest(struct interp *interp, int64_t at)
{
  if (interp->closing || at >= interp->ring_at) return;
  interp->ring_at = at;
  watchdog_set(&interp->timer, at);
}

static int64_t deadline_of(const struct job *job)
{
  return job->timeout_ns > 0 ? now_ns() + job->timeout_ns : INT64_MAX;
}

/* [lock] The job leaves the callback that it came in: from now on its time is watched. */
static void watch_deadline(struct interp *interp, struct job *job)
{
  job->deadline = deadline_of(job);
  ring_at_latest(interp, job->deadline);
}

/* --- to the pool and back --- */

static enum rank rank_of(const struct interp *interp)
{
  if (slice_stopped(&interp->slice) != STOP_NONE) return RANK_URGENT;
  return interp->job_slices < YOUNG_SLICES ? RANK_YOUNG : RANK_OLD;
}

/* [lock] The reference of the pool must be there already. */
static void submit(struct interp *interp)
{
  move(interp, INTERP_READY);
  pool_submit(interp->pool, &interp->task, rank_of(interp));
}

/* [lock] Makes sure that the current job soon hears of a stop. */
static void hurry(struct interp *interp)
{
  switch (state_of(interp)) {
  case INTERP_READY: pool_hurry(interp->pool, &interp->task); break;
  case INTERP_WAITING:
    retain(interp);
    submit(interp);
    break;
  case INTERP_IDLE:
  case INTERP_INLINE:
  case INTERP_POOL: /* its slice ends by itself */
  case INTERP_ENDED: break;
  }
}

/* [lock] The current job, if there is one beyond its first slice: before, it is the port's alone, which
 * changes it without the lock. */
static struct job *shared_job(struct interp *interp)
{
  switch (state_of(interp)) {
  case INTERP_READY:
  case INTERP_POOL:
  case INTERP_WAITING: return interp->current;
  case INTERP_IDLE:
  case INTERP_INLINE:
  case INTERP_ENDED: break;
  }
  return NULL;
}

/* [lock] Stops the current job, if it is one that can still be stopped. */
static void stop_current(struct interp *interp, enum stop why)
{
  struct job *job = shared_job(interp);
  if (!job || job->replying) return;
  job->deadline = INT64_MAX;
  if (why == STOP_ABANDON) job->route = ROUTE_NONE;
  slice_stop(&interp->slice, why);
  hurry(interp);
}

/* --- carrying out --- */

static void job_body(void *data)
{
  struct interp *interp = data;
  struct job *job = interp->current;
  job->outcome =
      ruby_answer(&interp->ruby, &job->request, job->head, &job->reply, &job->exit_status);
  slice_tidy(&interp->slice);
}

static void note_memory(struct interp *interp)
{
  atomic_store_explicit(&interp->memory, heap_used(interp->heap), memory_order_relaxed);
  atomic_store_explicit(&interp->memory_peak, heap_peak(interp->heap), memory_order_relaxed);
}

static void count(_Atomic uint64_t *counter)
{
  atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
                        memory_order_relaxed);
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
    bool midway = job->started && interp->job_slices > 0;
    slice_fini(&interp->slice);
    job->outcome = OUTCOME_NO_MEMORY;
    interp->slice.killed = KILL_MEMORY;
    return midway ? SLICE_KILLED : SLICE_RETURNED; /* Ruby can't be left in the middle */
  }
  interp->job_slices++;
  note_memory(interp);
  return end;
}

static const char *kill_name(enum kill why)
{
  switch (why) {
  case KILL_NONE:
  case KILL_STUBBORN: return "killed";
  case KILL_MEMORY: return "memory_limit";
  case KILL_STACK: return "stack_overflow";
  case KILL_ABORT: return "aborted";
  }
  return "killed";
}

/* The job is over, with `end`: writes the answer that its outcome asks for. [holder] */
static void conclude(struct interp *interp, struct job *job, enum slice_end end)
{
  struct interp_counts *counts = &interp->counts;
  enum stop stopped = slice_stopped(&interp->slice);
  const char *name = NULL;
  count(&counts->jobs);
  count(job->request.kind == REQUEST_EVAL ? &counts->evals : &counts->calls);
  if (stopped == STOP_TIMEOUT) {
    count(&counts->timeouts);
    name = "timeout";
  } else if (stopped == STOP_INTERRUPT) {
    count(&counts->interrupts);
    name = "interrupted";
  } else if (end == SLICE_KILLED) {
    name = kill_name(interp->slice.killed);
  } else if (job->outcome == OUTCOME_NO_MEMORY) {
    name = "memory_limit";
  } else if (job->outcome == OUTCOME_EXIT) {
    name = "closed";
  }
  if (name || job->outcome != OUTCOME_OK) count(&counts->errors);
  if (name && job->route == ROUTE_CAST && stopped != STOP_NONE) job_route(job, ROUTE_OWNER);
  if (name) job_fail(job, name);
  check_reply(job);
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

/* {exit, Reason}; of a cast that raised, the reply is that already. */
static void put_last_frame(const struct interp *interp, const struct job *job, enum ending ending,
                           struct buffer *frame)
{
  buffer_init(frame, interp->options.max_frame);
  if (ending == ENDING_CAST)
    buffer_put(frame, job->reply.bytes, job->reply.length);
  else if (ending == ENDING_EXIT)
    put_exit(frame, NULL, job->exit_status);
  else
    put_exit(frame, kill_name(interp->slice.killed), 0);
}

/* Ruby's memory goes at once; the port is closed by its own thread. Frees the frame. [holder, who then
 * holds nothing] */
static void end_interp(struct interp *interp, struct buffer *last_frame)
{
  struct job_list queue = {NULL, NULL, 0};
  slice_fini(&interp->slice);
  ruby_close(&interp->ruby);
  heap_close(interp->heap);
  interp->heap = NULL;
  pthread_mutex_lock(&interp->lock);
  bool closing = interp->closing;
  interp->current = NULL;
  take_all(&interp->queue, &queue, is_any, NULL);
  move(interp, INTERP_ENDED);
  pthread_mutex_unlock(&interp->lock);
  fail_all(interp, &queue, "closed");
  if (!closing) {
    send_to_owner(interp, last_frame->bytes, last_frame->length);
    interp->transport->tend(interp->home);
  }
  buffer_fini(last_frame);
}

/* Answers the current job, which is over, and ends the interpreter if that is what it did. True: the
 * holder goes on, with no current job. [holder: the pool] */
static bool settle(struct interp *interp, enum slice_end end)
{
  struct job *job = interp->current;
  struct buffer last_frame;

  pthread_mutex_lock(&interp->lock);
  enum ending ending = ending_of(interp, job, end);
  conclude(interp, job, end);
  if (ending) put_last_frame(interp, job, ending, &last_frame);
  bool answered = interp->closing; /* by interp_close */
  bool keep = !answered && job->route == ROUTE_TOKEN;
  if (keep) {
    append(&interp->finished, job);
    interp->current = NULL;
  } else {
    job->replying = true; /* from here on it is this thread's alone */
  }
  pthread_mutex_unlock(&interp->lock);

  if (!keep) {
    if (!answered) send_reply(interp, job);
    pthread_mutex_lock(&interp->lock);
    interp->current = NULL;
    pthread_mutex_unlock(&interp->lock);
    job_close(job);
  }
  if (ending) end_interp(interp, &last_frame);
  return !ending;
}

/* The job gives way, or waits: where to now? [holder, who then holds nothing] `pooled`: the
 * reference of the pool is held. */
static void put_aside(struct interp *interp, enum slice_end end, bool pooled)
{
  pthread_mutex_lock(&interp->lock);
  if (!pooled) watch_deadline(interp, interp->current);
  if (interp->closing) {
    pthread_mutex_unlock(&interp->lock);
    if (pooled) release(interp);
    return;
  }
  bool wait = end == SLICE_WAITING && slice_stopped(&interp->slice) == STOP_NONE;
  if (wait) {
    interp->wake_at = interp->slice.wake_at;
    move(interp, INTERP_WAITING);
    ring_at_latest(interp, interp->wake_at);
  } else {
    if (!pooled) retain(interp);
    submit(interp);
  }
  pthread_mutex_unlock(&interp->lock);
  if (wait && pooled) release(interp);
}

/* No job is current: takes the next one, or leaves the pool. [holder: the pool] */
static void next_job(struct interp *interp)
{
  pthread_mutex_lock(&interp->lock);
  if (!interp->closing) {
    interp->current = take_first(&interp->queue);
    if (interp->current) {
      interp->job_slices = 0;
      slice_ready(&interp->slice);
      submit(interp);
      pthread_mutex_unlock(&interp->lock);
      return;
    }
    move(interp, INTERP_IDLE);
  }
  pthread_mutex_unlock(&interp->lock);
  release(interp);
}

void interp_run(struct task *task)
{
  struct interp *interp = (struct interp *)(void *)((char *)task - offsetof(struct interp, task));
  pthread_mutex_lock(&interp->lock);
  bool closing = interp->closing;
  if (!closing) move(interp, INTERP_POOL);
  pthread_mutex_unlock(&interp->lock);
  if (closing) {
    release(interp);
    return;
  }
  enum slice_end end = run_slice(interp, false);
  switch (end) {
  case SLICE_PREEMPTED:
  case SLICE_WAITING: put_aside(interp, end, true); break;
  case SLICE_RETURNED:
  case SLICE_KILLED:
    if (settle(interp, end))
      next_job(interp);
    else
      release(interp);
    break;
  }
}

/* --- the timer rings --- */

static struct interp *of_timer(struct timer *timer)
{
  return (struct interp *)(void *)((char *)timer - offsetof(struct interp, timer));
}

static void timer_retain(struct timer *timer) { retain(of_timer(timer)); }

/* [lock] */
static int64_t earliest(struct interp *interp)
{
  int64_t at = INT64_MAX;
  if (state_of(interp) == INTERP_WAITING) at = interp->wake_at;
  const struct job *current = shared_job(interp);
  if (current && current->deadline < at) at = current->deadline;
  for (const struct job *job = interp->queue.first; job; job = job->next)
    if (job->deadline < at) at = job->deadline;
  return at;
}

/* One at a time: those that are not being told yet can still be abandoned. */
static bool fail_one_late(struct interp *interp, int64_t now)
{
  struct job_list late = {NULL, NULL, 0};
  pthread_mutex_lock(&interp->lock);
  if (!interp->closing) take_one(&interp->queue, &late, is_late, &now);
  bool found = late.first != NULL;
  if (found) count(&interp->counts.timeouts);
  pthread_mutex_unlock(&interp->lock);
  fail_all(interp, &late, "timeout");
  return found;
}

/* On the watchdog's thread. */
static void timer_fire(struct timer *timer)
{
  struct interp *interp = of_timer(timer);
  int64_t now = now_ns();
  bool kick = false;
  while (fail_one_late(interp, now)) {
  }
  pthread_mutex_lock(&interp->lock);
  interp->ring_at = INT64_MAX;
  if (!interp->closing) {
    struct job *current = shared_job(interp);
    if (current && is_late(current, &now)) stop_current(interp, STOP_TIMEOUT);
    if (state_of(interp) == INTERP_WAITING && interp->wake_at <= now) hurry(interp);
    kick = state_of(interp) == INTERP_READY;
    ring_at_latest(interp, earliest(interp));
  }
  pthread_mutex_unlock(&interp->lock);
  /* The form `async` needs the port's thread to get a thread of the VM's pool. */
  if (kick && pool_form(interp->pool) == POOL_ASYNC) interp->transport->tend(interp->home);
  release(interp);
}

/* --- requests --- */

static enum route route_of(enum way way, const struct request *request)
{
  if (request->kind == REQUEST_EVAL && !request->has_id) return ROUTE_CAST;
  switch (way) {
  case WAY_FRAME: return ROUTE_OWNER;
  case WAY_CONTROL: return ROUTE_CONTROL;
  case WAY_REQUEST: return ROUTE_TOKEN;
  case WAY_ASYNC: return ROUTE_CALLER;
  }
  return ROUTE_NONE;
}

/* A cast that is not even accepted: who sent it is told all the same. */
static enum route refusal_route(enum way way)
{
  switch (way) {
  case WAY_FRAME: return ROUTE_OWNER;
  case WAY_CONTROL: return ROUTE_CONTROL;
  case WAY_REQUEST:
  case WAY_ASYNC: break;
  }
  return ROUTE_TOKEN;
}

/* The answer stands in job->reply, and the job is nobody else's: returns it, or sends it. [port] */
static void give(struct interp *interp, struct job *job, enum way way, struct answer *answer)
{
  check_reply(job);
  if (way == WAY_CONTROL || way == WAY_REQUEST) {
    answer->kind = ANSWER_NOW;
    answer->bytes = job->reply.bytes;
    answer->length = job->reply.length;
  } else {
    send_reply(interp, job);
  }
  if (interp->spare != job) {
    job_close(interp->spare);
    interp->spare = job;
  }
}

/* An inline slice ended the job. [port, holder] */
static void finish_inline(struct interp *interp, enum slice_end end, enum way way,
                          struct answer *answer)
{
  struct job *job = interp->current;
  struct buffer last_frame;
  enum ending ending = ending_of(interp, job, end);
  conclude(interp, job, end);
  if (ending) put_last_frame(interp, job, ending, &last_frame);
  interp->current = NULL;
  if (job->route == ROUTE_CAST || job->route == ROUTE_NONE) {
    answer->kind = way == WAY_REQUEST ? ANSWER_ACCEPTED : ANSWER_NONE;
    job_close(interp->spare);
    interp->spare = job;
  } else {
    give(interp, job, job->route == ROUTE_OWNER ? WAY_FRAME : way, answer);
  }
  if (ending)
    end_interp(interp, &last_frame);
  else
    move(interp, INTERP_IDLE);
}

/* [port, idle] Answers that nobody has claimed count like requests that wait. */
static bool is_full(const struct interp *interp)
{
  return interp->finished.length > interp->options.queue_limit;
}

static bool may_run_inline(const struct interp *interp, const struct job *job)
{
  return job->length <= INLINE_BYTES && heap_used(interp->heap) <= INLINE_MEMORY;
}

static void answer_later(struct job *job, enum way way, struct answer *answer)
{
  answer->token = job->token;
  answer->watch_caller = job->caller != 0;
  if (job->route == ROUTE_CAST)
    answer->kind = way == WAY_REQUEST ? ANSWER_ACCEPTED : ANSWER_NONE;
  else
    answer->kind = way == WAY_CONTROL || way == WAY_REQUEST ? ANSWER_LATER : ANSWER_NONE;
}

/* [port; the interpreter is idle, and so the port's] */
static void start(struct interp *interp, struct job *job, enum way way, struct answer *answer)
{
  interp->current = job;
  interp->job_slices = 0;
  slice_ready(&interp->slice);
  if (!may_run_inline(interp, job)) {
    answer_later(job, way, answer);
    pthread_mutex_lock(&interp->lock);
    watch_deadline(interp, job);
    retain(interp);
    submit(interp);
    pthread_mutex_unlock(&interp->lock);
    return;
  }
  move(interp, INTERP_INLINE);
  enum slice_end end = run_slice(interp, true);
  switch (end) {
  case SLICE_PREEMPTED:
  case SLICE_WAITING:
    answer_later(job, way, answer); /* afterwards it is no more ours to look at */
    answer->ran_long = end == SLICE_PREEMPTED;
    put_aside(interp, end, false);
    break;
  case SLICE_RETURNED:
  case SLICE_KILLED: finish_inline(interp, end, way, answer); break;
  }
}

/* [port] Queues the job behind others, or if the interpreter has fallen idle meanwhile, starts it. */
static void queue_or_start(struct interp *interp, struct job *job, enum way way,
                           struct answer *answer)
{
  if (state_of(interp) != INTERP_IDLE) {
    bool queued = false, full = false;
    answer_later(job, way, answer);
    pthread_mutex_lock(&interp->lock);
    enum interp_state state = state_of(interp);
    full = interp->queue.length + interp->finished.length >= interp->options.queue_limit;
    if (state != INTERP_IDLE && state != INTERP_ENDED && !full) {
      watch_deadline(interp, job);
      append(&interp->queue, job);
      queued = true;
    }
    pthread_mutex_unlock(&interp->lock);
    if (queued) return;
    *answer = (struct answer){.kind = ANSWER_NONE};
    if (state != INTERP_IDLE) {
      if (job->route == ROUTE_CAST) job_route(job, refusal_route(way));
      job_fail(job, state == INTERP_ENDED ? "closed" : "busy");
      give(interp, job, way, answer);
      return;
    }
  }
  if (is_full(interp)) {
    if (job->route == ROUTE_CAST) job_route(job, refusal_route(way));
    job_fail(job, "busy");
    give(interp, job, way, answer);
    return;
  }
  start(interp, job, way, answer);
}

static void interrupt(struct interp *interp, const struct request *request)
{
  struct job_list found = {NULL, NULL, 0};
  pthread_mutex_lock(&interp->lock);
  if (request->has_id) take_all(&interp->queue, &found, has_id, &request->id);
  const struct job *current = shared_job(interp);
  if (current && (!request->has_id || has_id(current, &request->id)))
    stop_current(interp, STOP_INTERRUPT);
  pthread_mutex_unlock(&interp->lock);
  fail_all(interp, &found, "interrupted");
}

static int64_t timeout_of(const struct interp *interp, const struct request *request)
{
  uint64_t ms = request->has_timeout ? request->timeout_ms : interp->options.timeout_ms;
  if (ms == REQUEST_NO_TIMEOUT || (ms == 0 && !request->has_timeout)) return 0;
  return ms == 0 ? 1 : (int64_t)ms * 1000000;
}

static struct job *new_job(struct interp *interp, const uint8_t *bytes, size_t length)
{
  struct job *job = interp->spare;
  if (!job) return job_open(bytes, length, interp->options.max_frame);
  if (!job_reopen(job, bytes, length)) return NULL;
  interp->spare = NULL;
  return job;
}

/* No memory for even a job: the answer that needs none. */
static void answer_no_memory(enum way way, struct answer *answer)
{
  static const uint8_t frame[] = "\x83h\x03w\x05replyw\x09undefinedh\x02w\x05"
                                 "errorw\x0cmemory_limit";
  static const uint8_t result[] = "\x83h\x02w\x05"
                                  "errorw\x0cmemory_limit";
  answer->kind = ANSWER_NOW;
  answer->bytes = way == WAY_REQUEST ? result : frame;
  answer->length = (way == WAY_REQUEST ? sizeof result : sizeof frame) - 1;
}

void interp_request(struct interp *interp, enum way way, uintptr_t caller, const uint8_t *bytes,
                    size_t length, struct answer *answer)
{
  const char *why = NULL;
  *answer = (struct answer){.kind = ANSWER_NONE};
  bool too_long = length > interp->options.max_frame;
  struct job *job = new_job(interp, bytes, too_long ? 0 : length);
  if (!job) {
    answer_no_memory(way, answer);
    return;
  }
  job->caller = caller;
  job->token = ++interp->last_token;
  enum status status = request_parse(job->bytes, too_long ? length : job->length, &interp->options,
                                     &job->request, &why);
  bool addressed = job->request.has_id && interp_may_address(job->request.id);
  if (status || (way == WAY_ASYNC && !addressed)) {
    /* Whom no message can be addressed to gets the answer at once. */
    enum way back = way == WAY_ASYNC && !addressed ? WAY_REQUEST : way;
    job->request.kind = REQUEST_CALL;
    job_route(job, route_of(back, &job->request));
    job_refuse(job, status ? why : "the Id of an asynchronous request must be a reference");
    give(interp, job, back, answer);
    return;
  }
  job->request.from_vm = way == WAY_REQUEST || way == WAY_ASYNC;
  job_route(job, route_of(way, &job->request));
  if (job->route == ROUTE_CAST) job->caller = 0; /* outlives who sent it */
  job->timeout_ns = timeout_of(interp, &job->request);
  switch (job->request.kind) {
  case REQUEST_EVAL:
  case REQUEST_CALL: queue_or_start(interp, job, way, answer); break;
  case REQUEST_INTERRUPT:
    interrupt(interp, &job->request);
    answer->kind = way == WAY_REQUEST ? ANSWER_ACCEPTED : ANSWER_NONE;
    interp->spare = job;
    break;
  case REQUEST_INFO:
    buffer_put(&job->reply, job->head.bytes, job->head.length);
    interp_put_info(interp, &job->reply);
    give(interp, job, way, answer);
    break;
  }
}

/* --- claims, and callers that change their mind or die --- */

bool interp_may_address(struct piece id)
{
  struct etf_reader reader = {id.bytes, id.bytes + id.length};
  struct etf_item item;
  return etf_next(&reader, &item) == STATUS_OK && item.kind == ETF_REFERENCE &&
         reader.at == reader.end;
}

static bool has_token(const struct job *job, const void *data)
{
  const struct job *wanted = data;
  return job->token == wanted->token && job->caller == wanted->caller && job->route == ROUTE_TOKEN;
}

void interp_claim(struct interp *interp, uintptr_t caller, uint64_t token, struct piece id,
                  struct answer *answer)
{
  const struct job wanted = {.token = token, .caller = caller};
  struct job_list found = {NULL, NULL, 0};
  bool claimed = false, out_of_memory = false;
  *answer = (struct answer){.kind = ANSWER_NONE};
  pthread_mutex_lock(&interp->lock);
  take_all(&interp->finished, &found, has_token, &wanted);
  struct job *job = NULL;
  if (interp->current && has_token(interp->current, &wanted)) job = interp->current;
  for (struct job *one = interp->queue.first; one && !job; one = one->next)
    if (has_token(one, &wanted)) job = one;
  if (job && !found.first) {
    claimed = job_claim(job, id);
    out_of_memory = !claimed;
  }
  pthread_mutex_unlock(&interp->lock);
  if (found.first) {
    job = take_first(&found);
    give(interp, job, WAY_REQUEST, answer);
  } else if (claimed) {
    answer->kind = ANSWER_LATER;
  } else if (out_of_memory) {
    answer_no_memory(WAY_REQUEST, answer);
  } else {
    /* Where a port closed in between, the VM has answered with badarg. So the token is wrong. */
    job = new_job(interp, NULL, 0);
    if (!job) {
      answer_no_memory(WAY_REQUEST, answer);
      return;
    }
    job_refuse(job, "no such token; it may have been claimed before");
    give(interp, job, WAY_REQUEST, answer);
  }
}

/* [lock, given up while waiting] An answer that is on its way arrives before this returns. */
static void await_reply(struct interp *interp, bool (*wanted)(const struct job *, const void *),
                        const void *data)
{
  while (interp->current && interp->current->replying && wanted(interp->current, data)) {
    pthread_mutex_unlock(&interp->lock);
    sched_yield();
    pthread_mutex_lock(&interp->lock);
  }
}

static void forget(struct interp *interp, bool (*wanted)(const struct job *, const void *),
                   const void *data)
{
  struct job_list dropped = {NULL, NULL, 0};
  pthread_mutex_lock(&interp->lock);
  take_all(&interp->queue, &dropped, wanted, data);
  take_all(&interp->finished, &dropped, wanted, data);
  await_reply(interp, wanted, data);
  if (interp->current && wanted(interp->current, data)) stop_current(interp, STOP_ABANDON);
  pthread_mutex_unlock(&interp->lock);
  drop_jobs(&dropped);
}

void interp_abandon(struct interp *interp, uintptr_t caller, struct piece id)
{
  struct address address = {caller, id};
  forget(interp, has_address, &address);
}

void interp_caller_gone(struct interp *interp, uintptr_t caller)
{
  forget(interp, has_caller, &caller);
}

bool interp_has_caller(struct interp *interp, uintptr_t caller)
{
  bool found = false;
  pthread_mutex_lock(&interp->lock);
  if (interp->current) found = has_caller(interp->current, &caller);
  for (struct job *job = interp->queue.first; job && !found; job = job->next)
    found = has_caller(job, &caller);
  for (struct job *job = interp->finished.first; job && !found; job = job->next)
    found = has_caller(job, &caller);
  pthread_mutex_unlock(&interp->lock);
  return found;
}

/* --- opening and closing --- */

/* {output, stdout | stderr, Bytes} */
static void put_output(struct buffer *frame, bool error_stream, const char *bytes, size_t length)
{
  const char *name = error_stream ? "stderr" : "stdout";
  etf_put_version(frame);
  etf_put_tuple(frame, 3);
  etf_put_atom(frame, "output", 6);
  etf_put_atom(frame, name, 6);
  etf_put_binary(frame, bytes, length);
}

#define OUTPUT_HEAD 32 /* more than what put_output writes before the bytes */

/* A text that is longer than a frame may be comes in several. */
static void host_output(void *context, bool error_stream, const char *bytes, size_t length)
{
  struct interp *interp = context;
  if (interp->options.packet == PACKET_LINE) {
    interp->transport->text(interp->home, bytes, length);
    return;
  }
  size_t most = (size_t)interp->options.max_frame - OUTPUT_HEAD;
  while (length > 0) {
    size_t piece = length < most ? length : most;
    struct buffer frame;
    buffer_init(&frame, interp->options.max_frame);
    put_output(&frame, error_stream, bytes, piece);
    if (buffer_status(&frame) == STATUS_OK)
      interp->transport->to_owner(interp->home, frame.bytes, frame.length);
    buffer_fini(&frame);
    bytes += piece;
    length -= piece;
  }
}

static void host_frame(void *context, const uint8_t *frame, size_t length)
{
  send_to_owner(context, frame, length);
}

struct opening {
  struct interp *interp;
  struct atoms *atoms;
  enum status status;
};

static void open_body(void *data)
{
  static const struct ruby_host host = {host_output, host_frame};
  struct opening *opening = data;
  struct interp *interp = opening->interp;
  opening->status =
      ruby_open(&interp->ruby, &interp->slice, &interp->options, &host, interp, opening->atoms);
}

/* On a stack of its own, since mruby calls abort() when it gets no memory at its start. */
static enum status open_ruby(struct interp *interp, struct atoms *atoms)
{
  struct opening opening = {interp, atoms, STATUS_NO_MEMORY};
  enum status status = slice_start(&interp->slice, open_body, &opening);
  if (status) return status;
  if (slice_run_unwatched(&interp->slice) != SLICE_RETURNED) return STATUS_NO_MEMORY;
  return opening.status;
}

enum status interp_open(const struct options *options, const struct transport *transport,
                        void *home, struct pool *pool, struct atoms *atoms, struct interp **out)
{
  struct interp *interp = calloc(1, sizeof *interp);
  if (!interp) return STATUS_NO_MEMORY;
  interp->options = *options;
  interp->transport = transport;
  interp->home = home;
  interp->pool = pool;
  interp->ring_at = INT64_MAX;
  interp->timer.retain = timer_retain;
  interp->timer.fire = timer_fire;
  atomic_init(&interp->references, 1);
  atomic_init(&interp->state, INTERP_IDLE);

  enum status status = watchdog_reserve();
  if (status) goto no_timer;
  status = heap_open(hard_limit(options->memory_limit), &interp->heap);
  if (status) goto no_heap;
  slice_init(&interp->slice, interp->heap, options->memory_limit, (int64_t)options->slice_us * 1000,
             (unsigned)options->grace_slices);
  status = open_ruby(interp, atoms);
  if (status) goto no_ruby;
  pthread_mutex_init(&interp->lock, NULL);
  note_memory(interp);
  *out = interp;
  return STATUS_OK;

no_ruby:
  slice_fini(&interp->slice);
  ruby_close(&interp->ruby);
  heap_close(interp->heap);
no_heap:
  watchdog_release();
no_timer:
  free(interp);
  return status == STATUS_TOO_LARGE ? STATUS_NO_MEMORY : status;
}

/* The answer `closed` for the job that is current while the port closes, which may be running: only
 * what is constant in it is read, under the lock. */
static void copy_address(const struct job *job, struct job *copy)
{
  copy->route = job->route;
  copy->caller = job->caller;
  copy->request.has_id = job->request.has_id;
  copy->request.id = job->request.id;
  if (job->route == ROUTE_CALLER)
    job_claim(copy, (struct piece){job->address.bytes + 1, job->address.length - 1});
  else
    job_route(copy, job->route);
  copy->request.id = (struct piece){NULL, 0};
}

void interp_close(struct interp *interp)
{
  struct job_list jobs = {NULL, NULL, 0};
  struct job *notice = job_open(NULL, 0, interp->options.max_frame);
  unsigned references = 1;
  bool tell = false;
  pthread_mutex_lock(&interp->lock);
  interp->closing = true;
  take_all(&interp->queue, &jobs, is_any, NULL);
  const struct job *current = shared_job(interp);
  if (current && !current->replying && notice) {
    copy_address(current, notice);
    tell = true;
  }
  if (state_of(interp) == INTERP_READY && pool_withdraw(interp->pool, &interp->task)) references++;
  pthread_mutex_unlock(&interp->lock);
  watchdog_cancel(&interp->timer);
  if (tell) append(&jobs, notice);
  for (struct job *job; (job = take_first(&jobs));) {
    /* The owner, if it is alive, has closed the port: after that it gets no frames from it. */
    bool wanted = job->route == ROUTE_CALLER || job->route == ROUTE_CONTROL;
    if (wanted) job_fail(job, "closed");
    if (wanted) send_reply(interp, job);
    job_close(job);
  }
  if (!tell) job_close(notice);
  for (; references > 0; references--) release(interp);
}

bool interp_tend(struct interp *interp)
{
  struct job *spare = interp->spare;
  if (spare && job_is_large(spare)) {
    job_close(spare);
    interp->spare = NULL;
  }
  return state_of(interp) == INTERP_ENDED;
}

bool interp_in_pool(struct interp *interp)
{
  enum interp_state state = state_of(interp);
  return state == INTERP_READY || state == INTERP_POOL;
}

bool interp_is_busy(struct interp *interp)
{
  return interp_in_pool(interp) || state_of(interp) == INTERP_WAITING;
}
