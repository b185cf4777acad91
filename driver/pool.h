/* The pool: where the slices after the first one run.
 *
 * Tasks wait in three queues: urgent ones (to be stopped or closed: short work), young ones (have
 * run for a few slices only), old ones. The young go before the old, so that a short job
 * which was interrupted once does not wait behind every endless loop; every eighth slice is
 * an old one's all the same, so that the young cannot starve the old.
 *
 * Two forms of one executor:
 *   threads  workers of the pool's own, as many as asked for
 *   async    no thread of its own: whoever has a thread to lend calls pool_run_one. Each
 *            pool_run_one runs one slice of the best task, not of a particular one.
 *
 * A task is in at most one queue. The pool calls `run` on a task that it has taken out; what
 * happens then (another submit, or freeing the task) is its owner's. Locks: the pool's lock is a
 * leaf; it is never held while a task runs.
 */
#ifndef RUBEAM_POOL_H
#define RUBEAM_POOL_H

#include "options.h"
#include "status.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum rank { RANK_URGENT, RANK_YOUNG, RANK_OLD };
#define RANKS 3

struct task {
  struct task *next, *previous; /* [pool's lock] */
  enum rank rank;               /* [pool's lock] */
  bool queued;                  /* [pool's lock] */
};

struct pool;

/* STATUS_NO_MEMORY: memory or a thread could not be had, and none is left running. `threads` is
 * the number of workers of the form POOL_THREADS. `run` is called for each slice. */
MUST_CHECK enum status pool_open(enum pool_form form, unsigned threads, void (*run)(struct task *),
                                 struct pool **out);

/* Joins the workers. Tasks still queued are run first: they are of closed interpreters, and only
 * free themselves. NULL is fine. */
void pool_close(struct pool *pool);

/* Puts the task at the end of a queue. Any thread. True: from now on tasks wait for a worker. Never
 * so for POOL_ASYNC: see pool_waiting. */
bool pool_submit(struct pool *pool, struct task *task, enum rank rank);

/* Takes the task out again: true if it was in a queue, and so will not be run. Any thread. */
bool pool_withdraw(struct pool *pool, struct task *task);

/* Moves a waiting task to the urgent queue; nothing if it is in no queue. Any thread. */
void pool_hurry(struct pool *pool, struct task *task);

/* Runs one slice of the best task on the calling thread; false if there was none. */
bool pool_run_one(struct pool *pool);

enum pool_form pool_form(const struct pool *pool);

/* How many tasks wait for one of the pool's threads; NULL for POOL_ASYNC, whose threads are other
 * people's: somebody may always wait for them. Valid until pool_close. */
const _Atomic unsigned *pool_waiting(const struct pool *pool);

struct pool_figures {
  size_t queued[RANKS];
  unsigned threads;
  enum pool_form form;
};
void pool_figures(struct pool *pool, struct pool_figures *out);

#endif
