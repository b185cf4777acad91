/* Answers: sent, kept, claimed, given up. See interp_answer.h. */
#include "interp_answer.h"

#include "etf.h"
#include "interp_call.h"
#include "interp_event.h"
#include "test_points.h"

#include <sched.h>
#include <string.h>

/* --- sending --- */

void answer_owner(struct interp *interp, const uint8_t *frame, size_t length)
{
  if (interp->options.packet != PACKET_LINE) /* knows no frames */
    interp->transport->to_owner(interp->home, frame, length);
}

#define LEAST_ERROR 32 /* bytes of {error, memory_limit}, and a few */

void answer_check(struct job *job)
{
  if (buffer_status(&job->reply) == STATUS_TOO_LARGE)
    job_raise(job, "the reply is larger than max_frame");
  if (buffer_status(&job->reply) == STATUS_OK) return;
  /* Frames that are too small for an error behind such an Id: the least is still a whole one. */
  size_t least = job->head.length + LEAST_ERROR;
  if (job->reply.limit < least) job->reply.limit = least;
  job_fail(job, "memory_limit");
}

void answer_send(struct interp *interp, struct job *job)
{
  const struct transport *to = interp->transport;
  struct buffer *reply = &job->reply;
  answer_check(job);
  switch (job->route) {
  case ROUTE_NONE:
  case ROUTE_TOKEN:
  case ROUTE_CAST: break;
  case ROUTE_OWNER: answer_owner(interp, reply->bytes, reply->length); break;
  case ROUTE_CONTROL: to->to_caller(interp->home, job->caller, reply->bytes, reply->length); break;
  case ROUTE_CALLER:
    to->answer(interp->home, job->caller, job->address,
               (struct piece){reply->bytes, reply->length});
    break;
  }
}

void answer_give(struct interp *interp, struct job *job, enum way way, struct answer *answer)
{
  if (way == WAY_CONTROL || way == WAY_REQUEST) {
    answer_check(job);
    answer->kind = ANSWER_NOW;
    answer->bytes = job->reply.bytes;
    answer->length = job->reply.length;
  } else {
    answer_send(interp, job);
  }
  if (interp->spare != job) {
    job_close(interp->spare);
    interp->spare = job;
  }
}

void answer_later(const struct job *job, enum way way, struct answer *answer)
{
  answer->token = job->token;
  answer->watch_caller = job->caller != 0;
  if (job->route == ROUTE_CAST)
    answer->kind = way == WAY_REQUEST ? ANSWER_ACCEPTED : ANSWER_NONE;
  else
    answer->kind = way == WAY_CONTROL || way == WAY_REQUEST ? ANSWER_LATER : ANSWER_NONE;
}

void interp_no_memory(enum way way, struct answer *answer)
{
  static const uint8_t frame[] = "\x83h\x03w\x05replyw\x09undefinedh\x02w\x05"
                                 "errorw\x0cmemory_limit";
  static const uint8_t result[] = "\x83h\x02w\x05"
                                  "errorw\x0cmemory_limit";
  bool framed = way == WAY_FRAME || way == WAY_CONTROL;
  *answer = (struct answer){.kind = ANSWER_NOW,
                            .bytes = framed ? frame : result,
                            .length = (framed ? sizeof frame : sizeof result) - 1};
}

/* --- several that failed --- */

void answer_fail(struct interp *interp, struct job_list *jobs, const char *name)
{
  for (struct job *job; (job = job_list_take_first(jobs));) {
    if (job->route == ROUTE_CAST) job_route(job, ROUTE_OWNER); /* somebody should hear of it */
    job_fail(job, name);
    event_note(interp, job, name);
    switch (job->route) {
    case ROUTE_OWNER:
    case ROUTE_CONTROL:
    case ROUTE_CALLER: job_list_append(&interp->telling, job); break;
    case ROUTE_TOKEN:
      if (interp->closing)
        job_close(job); /* nobody can claim it any more */
      else
        job_list_append(&interp->finished, job);
      break;
    case ROUTE_NONE:
    case ROUTE_CAST: job_close(job); break;
    }
  }
}

static bool is_free(const struct job *job, const void *unused)
{
  (void)unused;
  return !job->replying;
}

void answer_tell(struct interp *interp, bool all)
{
  struct job_list told = {NULL, NULL, 0};
  struct job *job;
  event_send(interp);
  pthread_mutex_lock(&interp->lock);
  while ((job = job_list_find(&interp->telling, is_free, NULL))) {
    job->replying = true; /* from here on it is this thread's alone */
    pthread_mutex_unlock(&interp->lock);
    TEST_POINT(POINT_REPLYING);
    answer_send(interp, job);
    pthread_mutex_lock(&interp->lock);
    job_list_take(&interp->telling, job);
    job_list_append(&told, job);
  }
  while (all && interp->telling.first) {
    pthread_mutex_unlock(&interp->lock);
    sched_yield();
    pthread_mutex_lock(&interp->lock);
  }
  pthread_mutex_unlock(&interp->lock);
  job_list_drop(&told);
}

/* --- claims --- */

bool interp_may_address(struct piece id)
{
  struct etf_reader reader = {id.bytes, id.bytes + id.length};
  struct etf_item item;
  return etf_next(&reader, &item) == STATUS_OK && item.kind == ETF_REFERENCE &&
         reader.at == reader.end;
}

void interp_claim(struct interp *interp, uintptr_t caller, uint64_t token, struct piece id,
                  struct answer *answer)
{
  const struct job_address wanted = {.token = token, .caller = caller};
  bool claimed = false, asks = false, out_of_memory = false;
  *answer = (struct answer){.kind = ANSWER_NONE};
  pthread_mutex_lock(&interp->lock);
  struct job *done = job_list_find(&interp->finished, job_has_token, &wanted);
  struct job *job = NULL;
  if (done)
    job_list_take(&interp->finished, done);
  else if (!(job = interp_find_job(interp, job_has_token, &wanted)))
    job = job_list_find(&interp->queue, job_has_token, &wanted);
  if (job && job_calls(job) && job->call->state == CALL_MADE) {
    asks = call_hand_over(interp, job, caller, answer);
    out_of_memory = !asks;
  } else if (job) {
    claimed = job_claim(job, id);
    out_of_memory = !claimed;
  }
  pthread_mutex_unlock(&interp->lock);
  if (done) {
    answer_give(interp, done, WAY_REQUEST, answer);
  } else if (asks) {
    return; /* what the job wants of its caller first */
  } else if (claimed) {
    answer->kind = ANSWER_LATER;
  } else if (out_of_memory) {
    interp_no_memory(WAY_REQUEST, answer);
  } else {
    /* Where a port closed in between, the VM has answered with badarg. So the token is wrong. */
    job = interp_new_job(interp, NULL, 0);
    if (!job) {
      interp_no_memory(WAY_REQUEST, answer);
      return;
    }
    job_refuse(job, "no such token; it may have been claimed before");
    answer_give(interp, job, WAY_REQUEST, answer);
  }
}

/* --- callers that change their mind or die --- */

/* [lock] Is an answer on its way that `test` says yes to? */
static bool is_on_its_way(struct interp *interp, job_test *test, const void *data)
{
  for (const struct job *job = interp->current; job; job = job->outer) {
    bool sending = job->replying || (job->call && job->call->sending);
    if (sending && test(job, data)) return true;
  }
  return job_list_find(&interp->telling, test, data) != NULL; /* the others have been taken out */
}

/* `finally`: what is on its way has arrived when this returns. */
static void forget(struct interp *interp, job_test *test, const void *data, bool finally)
{
  struct job_list dropped = {NULL, NULL, 0}, telling = {NULL, NULL, 0};
  pthread_mutex_lock(&interp->lock);
  job_list_move(&interp->queue, &dropped, SIZE_MAX, test, data);
  job_list_move(&interp->finished, &dropped, SIZE_MAX, test, data);
  job_list_move(&interp->telling, &telling, SIZE_MAX, test, data);
  for (struct job *job; (job = job_list_take_first(&telling));)
    job_list_append(job->replying ? &interp->telling : &dropped, job);
  while (finally && is_on_its_way(interp, test, data)) {
    pthread_mutex_unlock(&interp->lock);
    sched_yield();
    pthread_mutex_lock(&interp->lock);
  }
  for (struct job *job = interp_shared_job(interp); job; job = job->outer)
    if (test(job, data)) interp_stop(interp, job, STOP_ABANDON);
  pthread_mutex_unlock(&interp->lock);
  job_list_drop(&dropped);
}

void interp_abandon(struct interp *interp, uintptr_t caller, struct piece id)
{
  const struct job_address address = {.caller = caller, .id = id};
  forget(interp, job_has_address, &address, true);
}

void interp_caller_gone(struct interp *interp, uintptr_t caller)
{
  forget(interp, job_has_caller, &caller, false); /* it has no mailbox any more */
  pthread_mutex_lock(&interp->lock);
  call_handler_gone(interp, caller);
  pthread_mutex_unlock(&interp->lock);
}

static void visit_list(const struct job_list *list, void (*visit)(void *, uintptr_t), void *data)
{
  for (const struct job *job = list->first; job; job = job->next)
    if (job->caller) visit(data, job->caller);
}

void interp_each_caller(struct interp *interp, void (*visit)(void *, uintptr_t), void *data)
{
  pthread_mutex_lock(&interp->lock);
  for (const struct job *job = interp->current; job; job = job->outer) {
    if (job->caller) visit(data, job->caller);
    if (job->call && job->call->handler) visit(data, job->call->handler);
  }
  visit_list(&interp->queue, visit, data);
  visit_list(&interp->finished, visit, data);
  pthread_mutex_unlock(&interp->lock);
}
