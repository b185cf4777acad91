/* The inside of an interpreter, for the files of it only: its state, who refers to it, its way into
 * the pool and its timer. The states and who may do what in which: interpreter.h.
 *
 *   interpreter.c    requests that come, deadlines, opening and closing
 *   interp_run.c     the life of a job
 *   interp_answer.c  answers: sent, kept, claimed, given up
 *   interp_call.c    Erlang functions that a job calls, and jobs that they call
 *   interp_info.c    figures
 *   interp_state.c   what they share
 */
#ifndef RUBEAM_INTERP_STATE_H
#define RUBEAM_INTERP_STATE_H

#include "heap.h"
#include "interpreter.h"
#include "job_list.h"
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
  _Atomic int state;      /* [lock to write; the port may read IDLE and INLINE without] */
  bool closing;           /* [lock] set by interp_close */
  _Atomic bool over;      /* ENDED, and the last frame is sent: the port may be closed */
  const char *end_reason; /* [const once over] see interp_end */
  int64_t end_status;
  struct job *current;   /* [holder; lock to change while not IDLE or INLINE] upon its `outer`s */
  struct job_list queue; /* [lock] waiting to become current */
  struct job_list finished; /* [lock] done, not claimed yet */
  struct job_list telling; /* [lock] failed; see answer_tell. `replying`: another thread is at it */
  struct event *events;    /* [lock] noted, to be sent: interp_event.h */
  bool exit_noted;         /* [lock] the last of them is there, or was */
  int64_t ring_at;         /* [lock] what the timer is set to; INT64_MAX: not set */
  int64_t wake_at;         /* [lock] of a job in WAITING */

  struct task task;   /* [pool's lock] */
  struct timer timer; /* [watchdog's lock] */

  struct buffer owner; /* [lock] its pid, encoded, without version byte; empty: not told */
  struct job *spare;   /* [port] a job that is over, for the next request */
  struct buffer told;  /* [port] a copy of a call's frame, for the answer that it is in */
  uint64_t last_token; /* [port] */

  struct heap *heap;  /* [holder] NULL once ended */
  struct slice slice; /* [holder] */
  struct ruby ruby;   /* [holder] */
  _Atomic size_t memory, memory_peak, objects,
      collections;    /* [holder writes, any reads] as of the last slice's end */
  uint64_t last_call; /* [holder] the number of it */
  struct interp_counts counts;
};

/* Of the holder. */
void interp_count(_Atomic uint64_t *counter);
void interp_note_memory(struct interp *interp);

/* The last release frees. */
void interp_retain(struct interp *interp);
void interp_release(struct interp *interp);

enum interp_state interp_state(struct interp *interp);

/* The one function that changes the state. [lock; from IDLE and INLINE the port may without] */
void interp_move(struct interp *interp, enum interp_state to);

/* A job for a frame (copied), in the memory of one that is over if there is one. NULL: no memory.
 * [port] */
struct job *interp_new_job(struct interp *interp, const uint8_t *bytes, size_t length);

/* [lock] To READY. The reference of the pool must be there already. */
void interp_submit(struct interp *interp);

/* [lock] The current job, if there is one beyond its first slice: before, it is the port's alone,
 * which changes it without the lock. */
struct job *interp_shared_job(struct interp *interp);

/* [lock] Makes sure that the current job soon hears of a stop, or of the end of its sleep. */
void interp_hurry(struct interp *interp);

/* [lock] The first of the current job and those under it for which `test` says yes; NULL: none. Only
 * while others than the port may look (see interp_shared_job). */
struct job *interp_find_job(struct interp *interp, job_test *test, const void *data);

/* [lock] Stops a job that interp_find_job gave, if it can still be stopped, and those upon it. */
void interp_stop(struct interp *interp, struct job *job, enum stop why);

/* [lock] The timer rings at `at`, or earlier. */
void interp_ring(struct interp *interp, int64_t at);

/* [lock] The job leaves the callback that it came in: from now on its time is watched. (Not a second
 * time: it may come back into one.) */
void interp_watch_deadline(struct interp *interp, struct job *job);

/* interp_info.c: writes {ok, Map} of the figures. [port] */
void interp_put_info(struct interp *interp, struct buffer *reply);

#endif
