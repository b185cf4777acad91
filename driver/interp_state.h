/* The inside of an interpreter, for interpreter.c and interp_info.c only. */
#ifndef RUBEAM_INTERP_STATE_H
#define RUBEAM_INTERP_STATE_H

#include "heap.h"
#include "interpreter.h"
#include "job.h"
#include "ruby.h"
#include "slice.h"
#include "watchdog.h"

#include <pthread.h>
#include <stdatomic.h>

enum interp_state {
  INTERP_IDLE,
  INTERP_INLINE,
  INTERP_READY,
  INTERP_POOL,
  INTERP_WAITING,
  INTERP_ENDED
};

struct job_list {
  struct job *first, *last;
  size_t length;
};

/* What has been done so far. [holder writes, any reads] */
struct interp_counts {
  _Atomic uint64_t jobs, evals, calls, errors, timeouts, interrupts;
};

struct interp {
  struct options options;            /* [const] */
  const struct transport *transport; /* [const] */
  void *home;                        /* [const] */
  struct pool *pool;                 /* [const] */
  _Atomic unsigned references;

  pthread_mutex_t lock;
  _Atomic int state;        /* [lock to write; the port may read IDLE and INLINE without] */
  bool closing;             /* [lock] set by interp_close */
  struct job *current;      /* [holder; lock to change while not IDLE or INLINE] */
  struct job_list queue;    /* [lock] waiting to become current */
  struct job_list finished; /* [lock] done, not claimed yet */
  int64_t ring_at;          /* [lock] what the timer is set to; INT64_MAX: not set */
  int64_t wake_at;          /* [lock] of a job in WAITING */
  unsigned job_slices;      /* [holder] of the current job */

  struct task task;   /* [pool's lock] */
  struct timer timer; /* [watchdog's lock] */

  struct job *spare;            /* [port] a job that is over, for the next request */
  uint64_t last_token;          /* [port] */
  struct answer *inline_answer; /* [port] where an inline answer goes */

  struct heap *heap;                  /* [holder] NULL once ended */
  struct slice slice;                 /* [holder] */
  struct ruby ruby;                   /* [holder] */
  _Atomic size_t memory, memory_peak; /* [holder writes, any reads] as of the last slice's end */
  struct interp_counts counts;
};

/* interp_info.c: writes {ok, Map} of the figures. [port] */
void interp_put_info(struct interp *interp, struct buffer *reply);

#endif
