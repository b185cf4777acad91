/* What the files of an interpreter share: see interp_state.h. */
#include "interp_state.h"

#include "interp_event.h"
#include "ruby_open.h"

#include <assert.h>
#include <stdlib.h>

/* A job is young until it has run for so long. */
#define YOUNG_NS INT64_C(5000000)

void interp_count(_Atomic uint64_t *counter)
{
  atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
                        memory_order_relaxed);
}

void interp_note_memory(struct interp *interp)
{
  atomic_store_explicit(&interp->memory, heap_used(interp->heap), memory_order_relaxed);
  atomic_store_explicit(&interp->memory_peak, heap_peak(interp->heap), memory_order_relaxed);
  const mrb_gc *gc = &interp->ruby.mrb->gc;
  atomic_store_explicit(&interp->objects, gc->live, memory_order_relaxed);
  atomic_store_explicit(&interp->collections, gc->collections, memory_order_relaxed);
}

/* --- references --- */

void interp_retain(struct interp *interp)
{
  atomic_fetch_add_explicit(&interp->references, 1, memory_order_relaxed);
}

static void free_interp(struct interp *interp)
{
  watchdog_release(); /* the timer itself was taken out by interp_close */
  slice_fini(&interp->slice);
  ruby_close(&interp->ruby);
  heap_close(interp->heap);
  for (struct job *job = interp->current, *outer; job; job = outer) {
    outer = job->outer;
    job_close(job);
  }
  job_close(interp->spare);
  buffer_fini(&interp->told);
  buffer_fini(&interp->owner);
  job_list_drop(&interp->queue);
  job_list_drop(&interp->finished);
  job_list_drop(&interp->telling);
  event_drop(interp);
  pthread_mutex_destroy(&interp->lock);
  interp->transport->gone(interp->home);
  free(interp);
}

void interp_release(struct interp *interp)
{
  if (atomic_fetch_sub_explicit(&interp->references, 1, memory_order_acq_rel) == 1)
    free_interp(interp);
}

/* --- states --- */

enum interp_state interp_state(struct interp *interp)
{
  return (enum interp_state)atomic_load_explicit(&interp->state, memory_order_acquire);
}

void interp_move(struct interp *interp, enum interp_state to)
{
#define TO(state) (1u << (state))
  static const unsigned legal[] = {
      [INTERP_IDLE] = TO(INTERP_INLINE) | TO(INTERP_READY) | TO(INTERP_ENDED),
      [INTERP_INLINE] = TO(INTERP_IDLE) | TO(INTERP_READY) | TO(INTERP_WAITING) | TO(INTERP_ENDED),
      [INTERP_READY] = TO(INTERP_POOL),
      [INTERP_POOL] = TO(INTERP_IDLE) | TO(INTERP_READY) | TO(INTERP_WAITING) | TO(INTERP_ENDED),
      [INTERP_WAITING] = TO(INTERP_READY) | TO(INTERP_INLINE),
      [INTERP_ENDED] = 0,
  };
#undef TO
  assert(legal[interp_state(interp)] & 1u << to);
  (void)legal;
  atomic_store_explicit(&interp->state, to, memory_order_release);
}

struct job *interp_new_job(struct interp *interp, const uint8_t *bytes, size_t length)
{
  struct job *job = interp->spare;
  if (!job) return job_open(bytes, length, interp->options.max_frame);
  if (!job_reopen(job, bytes, length)) return NULL;
  interp->spare = NULL;
  return job;
}

/* --- the timer --- */

void interp_ring(struct interp *interp, int64_t at)
{
  if (interp->closing || at >= interp->ring_at) return;
  interp->ring_at = at;
  watchdog_set(&interp->timer, at);
}

void interp_watch_deadline(struct interp *interp, struct job *job)
{
  if (job->timeout_ns > 0) {
    int64_t at = now_ns() + job->timeout_ns;
    if (at < job->deadline) job->deadline = at;
  }
  job->timeout_ns = 0;
  interp_ring(interp, job->deadline);
}

/* --- to the pool and back --- */

static enum rank rank_of(const struct interp *interp)
{
  if (slice_stopped(&interp->slice) != STOP_NONE) return RANK_URGENT;
  return interp->slice.ran_ns < YOUNG_NS ? RANK_YOUNG : RANK_OLD;
}

void interp_submit(struct interp *interp)
{
  interp_move(interp, INTERP_READY);
  /* Slices that had their threads for themselves now have not. */
  if (pool_submit(interp->pool, &interp->task, rank_of(interp))) watchdog_notice();
}

void interp_hurry(struct interp *interp)
{
  switch (interp_state(interp)) {
  case INTERP_READY: pool_hurry(interp->pool, &interp->task); break;
  case INTERP_WAITING:
    interp_retain(interp);
    interp_submit(interp);
    break;
  case INTERP_IDLE:
  case INTERP_INLINE:
  case INTERP_POOL: /* its slice is asked to end by slice_stop */
  case INTERP_ENDED: break;
  }
}

struct job *interp_shared_job(struct interp *interp)
{
  switch (interp_state(interp)) {
  case INTERP_READY:
  case INTERP_POOL:
  case INTERP_WAITING: return interp->current;
  case INTERP_IDLE:
  case INTERP_INLINE:
  case INTERP_ENDED: break;
  }
  return NULL;
}

struct job *interp_find_job(struct interp *interp, job_test *test, const void *data)
{
  for (struct job *job = interp_shared_job(interp); job; job = job->outer)
    if (test(job, data)) return job;
  return NULL;
}

/* Those upon it are stopped too: it can't hear of anything before they are gone. */
void interp_stop(struct interp *interp, struct job *job, enum stop why)
{
  struct job *current = interp->current;
  if (job->replying) return;
  job->deadline = INT64_MAX;
  if (why == STOP_ABANDON) job->route = ROUTE_NONE;
  if (job != current && job->call->pending == STOP_NONE) job->call->pending = why;
  enum stop others = why == STOP_TIMEOUT ? STOP_TIMEOUT : STOP_INTERRUPT;
  for (struct job *inner = current; inner != job; inner = inner->outer)
    if (inner != current && inner->call->pending == STOP_NONE) inner->call->pending = others;
  if (current->replying) return; /* it is over; who goes on sees what is pending */
  slice_stop(&interp->slice, job == current ? why : others);
  interp_hurry(interp);
}
