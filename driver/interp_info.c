/* The figures of an interpreter, as a map: what rubeam:info/1 and {info, Id} show. On the port's
 * thread; numbers of a job that runs elsewhere are as of its last slice. */
#include "etf.h"
#include "interp_state.h"

#include <mruby/version.h>
#include <string.h>

static void put_name(struct buffer *reply, const char *name)
{
  etf_put_atom(reply, name, strlen(name));
}

static void put_number(struct buffer *reply, const char *name, uint64_t value)
{
  put_name(reply, name);
  etf_put_integer(reply, (int64_t)value);
}

static void put_word(struct buffer *reply, const char *name, const char *value)
{
  put_name(reply, name);
  put_name(reply, value);
}

static const char *state_name(enum interp_state state)
{
  switch (state) {
  case INTERP_IDLE: return "idle";
  case INTERP_INLINE:
  case INTERP_POOL: return "running";
  case INTERP_READY: return "ready";
  case INTERP_WAITING: return "waiting";
  case INTERP_ENDED: return "ended";
  }
  return "ended";
}

static uint64_t read_count(_Atomic uint64_t *counter)
{
  return atomic_load_explicit(counter, memory_order_relaxed);
}

/* [lock] What the current job waits for. */
static const char *wait_name(struct interp *interp, enum interp_state state)
{
  if (state != INTERP_WAITING) return "nothing";
  return job_calls(interp->current) ? "function" : "time";
}

void interp_put_info(struct interp *interp, struct buffer *reply)
{
  struct interp_counts *counts = &interp->counts;
  struct ruby_cache *cache = &interp->ruby.compiler.cache;
  pthread_mutex_lock(&interp->lock);
  enum interp_state state = (enum interp_state)atomic_load(&interp->state);
  size_t queue = interp->queue.length, unclaimed = interp->finished.length, nested = 0;
  const char *wait = wait_name(interp, state);
  for (const struct job *job = interp_shared_job(interp); job && job->outer; job = job->outer)
    nested++;
  pthread_mutex_unlock(&interp->lock);
  bool async = pool_form(interp->pool) == POOL_ASYNC;

  etf_put_tuple(reply, 2);
  put_name(reply, "ok");
  etf_put_map(reply, 26);
  put_word(reply, "transport", interp->transport->name);
  put_word(reply, "pool", async ? "async" : "threads");
  put_word(reply, "state", state_name(state));
  put_word(reply, "waiting_for", wait);
  put_number(reply, "nested", nested);
  put_name(reply, "mruby");
  etf_put_binary(reply, MRUBY_VERSION, strlen(MRUBY_VERSION));
  put_number(reply, "memory", atomic_load(&interp->memory));
  put_number(reply, "memory_peak", atomic_load(&interp->memory_peak));
  put_number(reply, "memory_limit", interp->options.memory_limit);
  put_number(reply, "objects", atomic_load(&interp->objects));
  put_number(reply, "collections", atomic_load(&interp->collections));
  put_number(reply, "queue", queue);
  put_number(reply, "unclaimed", unclaimed);
  put_number(reply, "queue_limit", interp->options.queue_limit);
  put_number(reply, "timeout", interp->options.timeout_ms);
  put_number(reply, "jobs", read_count(&counts->jobs));
  put_number(reply, "evals", read_count(&counts->evals));
  put_number(reply, "calls", read_count(&counts->calls));
  put_number(reply, "errors", read_count(&counts->errors));
  put_number(reply, "timeouts", read_count(&counts->timeouts));
  put_number(reply, "interrupts", read_count(&counts->interrupts));
  put_number(reply, "cached", atomic_load(&cache->kept));
  put_number(reply, "cache_hits", read_count(&cache->hits));
  put_number(reply, "slices", read_count(&interp->slice.slices));
  put_number(reply, "slice_time", read_count(&interp->slice.time_ns) / 1000);
  put_number(reply, "preemptions", read_count(&interp->slice.preemptions));
}
