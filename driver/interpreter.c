/* Interpreters: see interpreter.h for the states and who may do what. */
#include "interpreter.h"

#include "etf.h"
#include "interp_answer.h"
#include "interp_call.h"
#include "interp_event.h"
#include "interp_run.h"
#include "interp_state.h"
#include "ruby_image.h"
#include "ruby_open.h"
#include "ruby_require.h"

#include <mruby/error.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of the requests that are late, so many are answered by the watchdog's thread before it looks
 * again at the slices that run. */
#define LATE_AT_ONCE 64

/* The heap's limit is the hard one: what mruby may take beyond memory_limit before it is killed. It
 * must leave room for what happens between two instructions: see slice.c. */
static size_t hard_limit(size_t limit)
{
  size_t more = limit / 4;
  return limit + (more > ((size_t)8 << 20) ? more : (size_t)8 << 20);
}

/* --- the timer rings --- */

static struct interp *of_timer(struct timer *timer)
{
  return (struct interp *)(void *)((char *)timer - offsetof(struct interp, timer));
}

static void timer_retain(struct timer *timer) { interp_retain(of_timer(timer)); }

/* [lock] */
static int64_t earliest(struct interp *interp)
{
  int64_t at = INT64_MAX;
  if (interp_state(interp) == INTERP_WAITING) at = interp->wake_at;
  for (const struct job *job = interp_shared_job(interp); job; job = job->outer)
    if (job->deadline < at) at = job->deadline;
  for (const struct job *job = interp->queue.first; job; job = job->next)
    if (job->deadline < at) at = job->deadline;
  return at;
}

/* [lock] */
static void fail_late(struct interp *interp, int64_t now)
{
  struct job_list late = {NULL, NULL, 0};
  job_list_move(&interp->queue, &late, LATE_AT_ONCE, job_is_late, &now);
  for (size_t i = 0; i < late.length; i++) interp_count(&interp->counts.timeouts);
  answer_fail(interp, &late, "timeout");
}

/* On the watchdog's thread. */
static void timer_fire(struct timer *timer)
{
  struct interp *interp = of_timer(timer);
  int64_t now = now_ns();
  bool kick = false;
  pthread_mutex_lock(&interp->lock);
  interp->ring_at = INT64_MAX;
  if (!interp->closing) {
    fail_late(interp, now);
    for (struct job *job = interp_shared_job(interp); job; job = job->outer)
      if (job_is_late(job, &now)) interp_stop(interp, job, STOP_TIMEOUT);
    if (interp_state(interp) == INTERP_WAITING && interp->wake_at <= now) interp_hurry(interp);
    /* The form `async` needs the port's thread to get a thread of the VM's pool. */
    kick = interp_state(interp) == INTERP_READY && pool_form(interp->pool) == POOL_ASYNC;
    int64_t next = earliest(interp), soon = now_ns() + 1; /* after another look at the slices */
    interp_ring(interp, next > soon ? next : soon);
  }
  pthread_mutex_unlock(&interp->lock);
  answer_tell(interp, false);
  /* The port may be closed meanwhile, and the driver unloaded, with its pools. */
  if (kick) interp->transport->tend(interp->home);
  interp_release(interp);
}

/* --- requests --- */

static enum route route_of(enum way way, const struct request *request)
{
  if (request_is_cast(request)) return ROUTE_CAST;
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

/* [port, idle] Answers that nobody has claimed count like requests that wait. */
static bool is_full(const struct interp *interp)
{
  return interp->finished.length > interp->options.queue_limit;
}

/* [port] The job can't be accepted. Who has sent it is told, though it be a cast. */
static void turn_away(struct interp *interp, struct job *job, const char *name, enum way way,
                      struct answer *answer)
{
  if (job->route == ROUTE_CAST) job_route(job, refusal_route(way));
  job_fail(job, name);
  if (interp->options.events) {
    pthread_mutex_lock(&interp->lock);
    event_note(interp, job, name);
    pthread_mutex_unlock(&interp->lock);
    event_send(interp);
  }
  answer_give(interp, job, way, answer);
}

/* What becomes of a job that comes while another one is there. */
enum place { PLACE_QUEUE, PLACE_UPON, PLACE_HERE, PLACE_IDLE, PLACE_ENDED, PLACE_FULL, PLACE_DEEP };

/* [lock] */
static enum place find_place(struct interp *interp, struct job *job)
{
  enum interp_state state = interp_state(interp);
  if (state == INTERP_IDLE) return PLACE_IDLE;
  if (state == INTERP_ENDED) return PLACE_ENDED;
  uint64_t within = job->request.within;
  struct job *asker = within ? call_find(interp, within) : call_of_handler(interp, job->caller);
  if (asker) {
    if (!call_may_nest(interp)) return PLACE_DEEP;
    job->within = asker->call->number;
    if (asker == interp->current && state == INTERP_WAITING)
      return interp_may_run_here(interp, job) ? PLACE_HERE : PLACE_UPON;
    asker->call->asked = true;
  }
  bool full = interp->queue.length + interp->finished.length >= interp->options.queue_limit;
  return full ? PLACE_FULL : PLACE_QUEUE;
}

/* [port] There is another job, or was a moment ago. True: the interpreter has fallen idle. */
static bool put_behind(struct interp *interp, struct job *job, enum way way, struct answer *answer)
{
  answer_later(job, way, answer);
  pthread_mutex_lock(&interp->lock);
  enum place place = find_place(interp, job);
  switch (place) {
  case PLACE_QUEUE:
    interp_watch_deadline(interp, job);
    job_list_append(&interp->queue, job);
    break;
  case PLACE_UPON:
    interp_watch_deadline(interp, job);
    call_nest(interp, job);
    interp_hurry(interp);
    break;
  case PLACE_HERE:
    call_nest(interp, job);
    interp_move(interp, INTERP_INLINE);
    break;
  case PLACE_IDLE:
  case PLACE_ENDED:
  case PLACE_FULL:
  case PLACE_DEEP: *answer = (struct answer){.kind = ANSWER_NONE}; break;
  }
  pthread_mutex_unlock(&interp->lock);
  if (place == PLACE_HERE) interp_run_here(interp, way, true, answer);
  if (place == PLACE_ENDED) turn_away(interp, job, "closed", way, answer);
  if (place == PLACE_FULL) turn_away(interp, job, "busy", way, answer);
  if (place == PLACE_DEEP) {
    if (job->route == ROUTE_CAST) job_route(job, refusal_route(way));
    job_refuse(job, "Erlang functions and the requests that they make are nested too deep");
    answer_give(interp, job, way, answer);
  }
  return place == PLACE_IDLE;
}

/* [port] Queues the job behind others, or starts it if there is none. */
static void queue_or_start(struct interp *interp, struct job *job, enum way way,
                           struct answer *answer)
{
  if (interp_state(interp) != INTERP_IDLE && !put_behind(interp, job, way, answer)) return;
  if (is_full(interp))
    turn_away(interp, job, "busy", way, answer);
  else
    interp_start(interp, job, way, answer);
}

static void interrupt(struct interp *interp, const struct request *request)
{
  struct job_list found = {NULL, NULL, 0};
  pthread_mutex_lock(&interp->lock);
  if (request->has_id) job_list_move(&interp->queue, &found, SIZE_MAX, job_has_id, &request->id);
  answer_fail(interp, &found, "interrupted");
  struct job *job = interp_shared_job(interp);
  if (request->has_id)
    job = interp_find_job(interp, job_has_id, &request->id);
  else
    while (job && job->outer) job = job->outer; /* and with it all upon it */
  if (job) interp_stop(interp, job, STOP_INTERRUPT);
  pthread_mutex_unlock(&interp->lock);
  answer_tell(interp, false);
}

static int64_t timeout_of(const struct interp *interp, const struct request *request)
{
  uint64_t ms = request->has_timeout ? request->timeout_ms : interp->options.timeout_ms;
  if (ms == REQUEST_NO_TIMEOUT || (ms == 0 && !request->has_timeout)) return 0;
  return ms == 0 ? 1 : (int64_t)ms * 1000000;
}

/* False: there is no memory for the address of an answer. Then that is the answer. [port] */
static bool set_route(struct interp *interp, struct job *job, enum way way, struct answer *answer)
{
  if (job_route(job, route_of(way, &job->request))) return true;
  interp_no_memory(way, answer);
  interp->spare = job;
  return false;
}

/* {owner, Id, Pid}: any time, also while a job runs. */
static void set_owner(struct interp *interp, struct job *job, enum way way, struct answer *answer)
{
  struct piece pid = job->request.value;
  pthread_mutex_lock(&interp->lock);
  buffer_clear(&interp->owner);
  buffer_put(&interp->owner, pid.bytes, pid.length);
  pthread_mutex_unlock(&interp->lock);
  buffer_put(&job->reply, job->head.bytes, job->head.length);
  etf_put_tuple(&job->reply, 2);
  etf_put_atom(&job->reply, "ok", 2);
  etf_put_atom(&job->reply, "nil", 3);
  answer_give(interp, job, way, answer);
}

/* A frame that is not understood. */
static void refuse(struct interp *interp, struct job *job, const char *why, enum way way,
                   struct answer *answer)
{
  job->request.kind = REQUEST_CALL;
  if (!set_route(interp, job, way, answer)) return;
  job_refuse(job, why);
  answer_give(interp, job, way, answer);
}

static void take_in(struct interp *interp, struct job *job, enum way way, struct answer *answer)
{
  if (!set_route(interp, job, way, answer)) return;
  if (job->route == ROUTE_CAST) job->caller = 0; /* outlives who sent it */
  job->timeout_ns = timeout_of(interp, &job->request);
  switch (job->request.kind) {
  case REQUEST_EVAL:
  case REQUEST_COMPILE:
  case REQUEST_LOAD:
  case REQUEST_MESSAGE:
  case REQUEST_CALL: queue_or_start(interp, job, way, answer); break;
  case REQUEST_OWNER: set_owner(interp, job, way, answer); break;
  case REQUEST_TAKE: call_take(interp, job, way, answer); break;
  case REQUEST_RETURN: call_return(interp, job, way, answer); break;
  case REQUEST_INTERRUPT:
    interrupt(interp, &job->request);
    answer->kind = way == WAY_REQUEST ? ANSWER_ACCEPTED : ANSWER_NONE;
    interp->spare = job;
    break;
  case REQUEST_INFO:
    buffer_put(&job->reply, job->head.bytes, job->head.length);
    interp_put_info(interp, &job->reply);
    answer_give(interp, job, way, answer);
    break;
  case REQUEST_READ:
  case REQUEST_SENT:
    interp->transport->taken(interp->home, job->request.kind == REQUEST_READ, job->request.taken);
    answer->kind = way == WAY_REQUEST ? ANSWER_ACCEPTED : ANSWER_NONE;
    interp->spare = job;
    break;
  }
}

/* What stands beside the Id in such an answer, without the text that says why it is refused. */
#define ACCEPT_BYTES 64

/* {error, {bad_request, Why}}; of the text, as much as a frame has room for. */
static void put_refusal(const struct interp *interp, struct buffer *reply, const char *why)
{
  size_t length = strlen(why), most = interp->options.max_frame, head = reply->length + 29;
  size_t room = most > head ? most - head : 0;
  etf_put_tuple(reply, 2);
  etf_put_atom(reply, "error", 5);
  etf_put_tuple(reply, 2);
  etf_put_atom(reply, "bad_request", 11);
  etf_put_binary(reply, why, length < room ? length : room);
}

/* {accept, Id, Frame}: as a process would ask by WAY_REQUEST, with the answer in a frame. `why`: it is not
 * understood. */
static void accept(struct interp *interp, struct job *job, const char *why, enum way way,
                   struct answer *answer)
{
  struct piece id = job->request.accept_id;
  struct answer inner = {.kind = ANSWER_NONE};
  struct buffer reply;
  buffer_init(&reply, interp->options.max_frame + REQUEST_ENVELOPE_BYTES + ACCEPT_BYTES);
  etf_put_version(&reply);
  etf_put_tuple(&reply, 3);
  etf_put_atom(&reply, "reply", 5);
  etf_put_raw(&reply, id.bytes, id.length);
  if (why)
    interp->spare = job;
  else
    take_in(interp, job, WAY_REQUEST, &inner);
  if (why)
    put_refusal(interp, &reply, why);
  else if (inner.kind == ANSWER_NOW)
    buffer_put(&reply, inner.bytes + 1, inner.length - 1);
  else
    etf_put_atom(&reply, "ok", 2);
  *answer = inner;
  answer->kind = ANSWER_NONE;
  if (way == WAY_CONTROL) {
    struct buffer *told = &interp->told;
    buffer_clear(told);
    buffer_put(told, reply.bytes, reply.length);
    answer->kind = ANSWER_NOW;
    answer->bytes = told->bytes;
    answer->length = told->length;
    if (buffer_status(told) != STATUS_OK) interp_no_memory(way, answer);
  }
  if (buffer_status(&reply) != STATUS_OK)
    interp_no_memory(way, answer);
  else if (way == WAY_FRAME)
    answer_owner(interp, reply.bytes, reply.length);
  buffer_fini(&reply);
}

void interp_request(struct interp *interp, enum way way, uintptr_t caller, const uint8_t *bytes,
                    size_t length, struct answer *answer)
{
  const char *why = NULL;
  *answer = (struct answer){.kind = ANSWER_NONE};
  bool too_long = length > interp->options.max_frame + REQUEST_ENVELOPE_BYTES;
  bool framed = way == WAY_FRAME || way == WAY_CONTROL;
  struct job *job = interp_new_job(interp, bytes, too_long ? 0 : length);
  if (!job) {
    interp_no_memory(way, answer);
    return;
  }
  job->caller = caller;
  job->framed = framed;
  job->token = ++interp->last_token;
  if (interp->options.events) job->arrived = now_ns();
  struct request *request = &job->request;
  enum status status =
      request_parse(job->bytes, too_long ? length : job->length, &interp->options, request, &why);
  request->from_vm = !framed || interp->transport->from_vm;
  if (status && !why) why = "";
  if (!status) why = NULL;
  if (request->accept && framed) {
    accept(interp, job, why, way, answer);
    return;
  }
  if (request->accept) why = "{accept, Id, Frame} is for frames";
  /* Whom no message can be addressed to gets the answer at once. */
  bool nameless = way == WAY_ASYNC && !(request->has_id && interp_may_address(request->id));
  if (nameless && !why) why = "the Id of an asynchronous request must be a reference";
  if (why)
    refuse(interp, job, why, nameless ? WAY_REQUEST : way, answer);
  else
    take_in(interp, job, way, answer);
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
    interp->transport->output(interp->home, (const uint8_t *)bytes, length);
    return;
  }
  size_t most = (size_t)interp->options.max_frame - OUTPUT_HEAD;
  while (length > 0) {
    size_t piece = length < most ? length : most;
    struct buffer frame;
    buffer_init(&frame, interp->options.max_frame);
    put_output(&frame, error_stream, bytes, piece);
    if (buffer_status(&frame) == STATUS_OK)
      interp->transport->output(interp->home, frame.bytes, frame.length);
    buffer_fini(&frame);
    bytes += piece;
    length -= piece;
  }
}

static bool is_awaited(struct interp *interp, const struct job *job)
{
  return job->route != ROUTE_NONE && job->route != ROUTE_CAST &&
         interp->transport->is_deaf(interp->home, job->caller);
}

/* Does the owner wait for an answer of this interpreter, and so for the job that prints? */
static bool owner_waits(struct interp *interp)
{
  bool waits = false;
  pthread_mutex_lock(&interp->lock);
  for (const struct job *job = interp->current; job && !waits; job = job->outer)
    waits = is_awaited(interp, job);
  for (const struct job *job = interp->queue.first; job && !waits; job = job->next)
    waits = is_awaited(interp, job);
  pthread_mutex_unlock(&interp->lock);
  return waits;
}

static enum sent host_may_print(void *context)
{
  struct interp *interp = context;
  enum reading reading = interp->transport->reading(interp->home);
  if (reading == READING) return SENT;
  if (!owner_waits(interp)) return SENT_LATER;
  return reading == READING_BEHIND ? SENT : SENT_NEVER;
}

static void host_owner(void *context, struct buffer *out)
{
  struct interp *interp = context;
  pthread_mutex_lock(&interp->lock);
  buffer_put(out, interp->owner.bytes, interp->owner.length);
  pthread_mutex_unlock(&interp->lock);
}

static enum sent host_send(void *context, const uint8_t *frame, size_t length)
{
  struct interp *interp = context;
  enum sent sent = interp->transport->post(interp->home, frame, length);
  if (sent != SENT_NEVER || interp->options.packet == PACKET_LINE) return sent;
  answer_owner(interp, frame, length);
  return SENT;
}

static void host_frame(void *context, const uint8_t *frame, size_t length)
{
  struct interp *interp = context;
  if (interp->options.packet != PACKET_LINE) interp->transport->output(interp->home, frame, length);
}

static const struct ruby_host ruby_host = {host_may_print,   host_output, host_frame, interp_call,
                                           interp_call_read, host_owner,  host_send};

struct opening {
  struct interp *interp;
  struct atoms *atoms;
  enum status status;
};

static void open_body(void *data)
{
  struct opening *opening = data;
  struct interp *interp = opening->interp;
  opening->status = ruby_open(&interp->ruby, &interp->slice, &interp->options, &ruby_host, interp,
                              opening->atoms);
}

static mrb_value take_directories(mrb_state *mrb, void *data)
{
  (void)mrb;
  ruby_require_directories(data);
  return mrb_nil_value();
}

static void directories_body(void *data)
{
  struct opening *opening = data;
  struct ruby *ruby = &opening->interp->ruby;
  mrb_bool failed = FALSE;
  mrb_protect_error(ruby->mrb, take_directories, ruby, &failed);
  mrb_gc_arena_restore(ruby->mrb, 0);
  opening->status = failed ? STATUS_NO_MEMORY : STATUS_OK;
}

/* On a stack of its own, since mruby calls abort() when it gets no memory at its start. */
static enum status run_opening(struct interp *interp, void (*body)(void *), struct atoms *atoms)
{
  struct opening opening = {interp, atoms, STATUS_NO_MEMORY};
  enum status status = slice_start(&interp->slice, body, &opening);
  if (status) return status;
  if (slice_run_unwatched(&interp->slice) != SLICE_RETURNED) return STATUS_NO_MEMORY;
  return opening.status;
}

static enum status open_ruby(struct interp *interp, struct atoms *atoms, struct ruby_image *image)
{
  if (!image) return run_opening(interp, open_body, atoms);
  ruby_image_use(image, &interp->ruby, &interp->slice, &interp->options, &ruby_host, interp, atoms);
  if (interp->options.load_path.length == 0) return STATUS_OK;
  return run_opening(interp, directories_body, atoms);
}

static enum status open_heap(struct interp *interp, struct ruby_image *image)
{
  size_t limit = hard_limit(interp->options.memory_limit);
  return image ? ruby_image_heap(image, limit, &interp->heap) : heap_open(limit, &interp->heap);
}

enum status interp_open(const struct options *options, const struct transport *transport,
                        void *home, struct pool *pool, struct atoms *atoms,
                        struct ruby_image *image, struct interp **out)
{
  struct interp *interp = calloc(1, sizeof *interp);
  if (!interp) return STATUS_NO_MEMORY;
  interp->options = *options;
  interp->transport = transport;
  interp->home = home;
  interp->pool = pool;
  interp->ring_at = INT64_MAX;
  buffer_init(&interp->told, SIZE_MAX / 2);
  buffer_init(&interp->owner, SIZE_MAX / 2);
  interp->timer.retain = timer_retain;
  interp->timer.fire = timer_fire;
  atomic_init(&interp->references, 1);
  atomic_init(&interp->state, INTERP_IDLE);

  enum status status = watchdog_reserve();
  if (status) goto no_timer;
  status = open_heap(interp, image);
  if (status) goto no_heap;
  if (options->specimen) heap_clear_blocks(interp->heap);
  slice_init(&interp->slice, interp->heap, options->memory_limit, (int64_t)options->slice_us * 1000,
             (unsigned)options->grace_slices, pool_waiting(pool));
  status = open_ruby(interp, atoms, image);
  interp->options.load_path = (struct load_path){0}; /* Ruby has it, and the text is the caller's */
  if (status) goto no_ruby;
  pthread_mutex_init(&interp->lock, NULL);
  interp_note_memory(interp);
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

struct freezing {
  struct ruby *ruby;
  struct ruby_frozen *frozen;
  char *why;
  enum status status;
};

static void freeze_body(void *data)
{
  struct freezing *freezing = data;
  freezing->status = ruby_freeze(freezing->ruby, &freezing->frozen, freezing->why);
}

static enum status not_frozen(char *why, const char *reason)
{
  (void)snprintf(why, RUBY_IMAGE_WHY, "%s", reason);
  return STATUS_UNSUPPORTED;
}

/* On a stack of its own, where an error in mruby's collector ends an interpreter and not the VM. */
enum status interp_freeze(struct interp *interp, struct ruby_frozen **out, char *why)
{
  struct freezing freezing = {.ruby = &interp->ruby, .why = why, .status = STATUS_NO_MEMORY};
  if (interp_state(interp) != INTERP_IDLE) return not_frozen(why, "it is busy, or has ended");
  if (heap_extent(interp->heap) > INLINE_MEMORY)
    return not_frozen(why, "its memory is spread over more than 16 MB");
  enum status status = slice_start(&interp->slice, freeze_body, &freezing);
  if (status) return status;
  if (slice_run_unwatched(&interp->slice) != SLICE_RETURNED) {
    interp_end_killed(interp);
    return not_frozen(why, "mruby has failed");
  }
  interp_note_memory(interp);
  if (!freezing.status) *out = freezing.frozen;
  return freezing.status;
}

/* The answer `closed` for the job that is current while the port closes, which may be running: only
 * what is constant in it is read, under the lock. Without memory for the address it goes to nobody:
 * the caller then sees the port's end alone. */
static void copy_address(const struct job *job, struct job *copy)
{
  copy->route = job->route;
  copy->caller = job->caller;
  copy->request.has_id = job->request.has_id;
  copy->request.id = job->request.id;
  bool copied;
  if (job->route == ROUTE_CALLER)
    copied = job_claim(copy, (struct piece){job->address.bytes + 1, job->address.length - 1});
  else
    copied = job_route(copy, job->route);
  if (!copied) copy->route = ROUTE_NONE;
  copy->request.id = (struct piece){NULL, 0};
}

/* [lock] A call is on its way to who waits for the job: the answer `closed` must come after it. */
static bool is_calling_out(const struct interp *interp)
{
  const struct job *job = interp->current;
  return job && job->call && job->call->sending;
}

void interp_close(struct interp *interp)
{
  struct job_list jobs = {NULL, NULL, 0};
  pthread_mutex_lock(&interp->lock);
  interp->closing = true;
  while (is_calling_out(interp)) { /* for microseconds */
    pthread_mutex_unlock(&interp->lock);
    sched_yield();
    pthread_mutex_lock(&interp->lock);
  }
  job_list_move(&interp->queue, &jobs, SIZE_MAX, job_is_any, NULL);
  for (const struct job *job = jobs.first; job; job = job->next) event_note(interp, job, "closed");
  for (const struct job *job = interp_shared_job(interp); job; job = job->outer) {
    if (!job->replying) event_note(interp, job, "closed");
    struct job *notice = job->replying ? NULL : job_open(NULL, 0, interp->options.max_frame);
    if (!notice) continue;
    copy_address(job, notice);
    job_list_append(&jobs, notice);
  }
  if (interp_state(interp) != INTERP_ENDED) event_note_exit(interp, "closed", 0);
  bool queued = interp_state(interp) == INTERP_READY && pool_withdraw(interp->pool, &interp->task);
  pthread_mutex_unlock(&interp->lock);
  event_send(interp);
  slice_cut_short(&interp->slice);
  watchdog_cancel(&interp->timer);
  for (struct job *job; (job = job_list_take_first(&jobs));) {
    /* The owner, if it is alive, has closed the port: after that it gets no frames from it. */
    if (job->route == ROUTE_CALLER || job->route == ROUTE_CONTROL) {
      job_fail(job, "closed");
      answer_send(interp, job);
    }
    job_close(job);
  }
  if (queued) interp_release(interp); /* the pool's reference */
  interp_release(interp);
}

bool interp_tend(struct interp *interp)
{
  struct job *spare = interp->spare;
  if (interp->told.length > 0) buffer_clear(&interp->told);
  if (spare && job_is_large(spare)) {
    job_close(spare);
    interp->spare = NULL;
  }
  return atomic_load(&interp->over);
}

const char *interp_end(const struct interp *interp, int64_t *status)
{
  *status = interp->end_status;
  return interp->end_reason;
}

bool interp_in_pool(struct interp *interp)
{
  enum interp_state state = interp_state(interp);
  return state == INTERP_READY || state == INTERP_POOL;
}

bool interp_is_busy(struct interp *interp)
{
  enum interp_state state = interp_state(interp);
  return interp_in_pool(interp) || state == INTERP_WAITING ||
         (state == INTERP_ENDED && !atomic_load(&interp->over));
}
