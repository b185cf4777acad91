/* The run queues, and the workers of the form POOL_THREADS. See pool.h. */
#include "pool.h"

#include "fault.h"
#include "test_points.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

/* Every so many slices an old task goes before the young. */
#define OLD_TURN 8

struct queue {
  struct task *first, *last;
  size_t length;
};

struct pool {
  enum pool_form form;        /* [const] */
  void (*run)(struct task *); /* [const] */
  pthread_mutex_t lock;
  pthread_cond_t work;        /* a task came, or the pool closes */
  struct queue queues[RANKS]; /* [lock] */
  unsigned turn;              /* [lock] slices since an old task went first */
  unsigned idle;              /* [lock] workers that wait */
  _Atomic unsigned waiting;   /* [lock to write] tasks in all queues */
  bool closing;               /* [lock] */
  unsigned threads;           /* [const after open] */
  pthread_t worker[];         /* [const after open] */
};

static void put(struct pool *pool, struct task *task, enum rank rank)
{
  struct queue *queue = &pool->queues[rank];
  task->rank = rank;
  task->queued = true;
  task->next = NULL;
  task->previous = queue->last;
  if (queue->last)
    queue->last->next = task;
  else
    queue->first = task;
  queue->last = task;
  queue->length++;
}

static void take(struct pool *pool, struct task *task)
{
  struct queue *queue = &pool->queues[task->rank];
  if (task->previous)
    task->previous->next = task->next;
  else
    queue->first = task->next;
  if (task->next)
    task->next->previous = task->previous;
  else
    queue->last = task->previous;
  queue->length--;
  task->queued = false;
}

static struct task *take_best(struct pool *pool)
{
  struct task *old = pool->queues[RANK_OLD].first;
  struct task *task = pool->queues[RANK_URGENT].first;
  if (!task && old && pool->turn >= OLD_TURN - 1) task = old;
  if (!task) task = pool->queues[RANK_YOUNG].first;
  if (!task) task = old;
  if (!task) return NULL;
  pool->turn = task == old ? 0 : pool->turn + 1;
  take(pool, task);
  atomic_fetch_sub(&pool->waiting, 1);
  return task;
}

static void *work(void *argument)
{
  struct pool *pool = argument;
  pthread_mutex_lock(&pool->lock);
  for (;;) {
    TEST_POINT_UNLOCKED(POINT_READY, &pool->lock);
    struct task *task = take_best(pool);
    if (task) {
      pthread_mutex_unlock(&pool->lock);
      pool->run(task);
      pthread_mutex_lock(&pool->lock);
    } else if (pool->closing) {
      break;
    } else {
      pool->idle++;
      pthread_cond_wait(&pool->work, &pool->lock);
      pool->idle--;
    }
  }
  pthread_mutex_unlock(&pool->lock);
  fault_leave_thread();
  return NULL;
}

/* Signals are the VM's affair: its own threads take them. SIGSEGV is never blocked: a stack
 * that overflows is ended by it. */
static int start_thread(pthread_t *thread, void *(*body)(void *), void *argument)
{
  sigset_t all, before;
  sigfillset(&all);
  sigdelset(&all, SIGSEGV);
  sigdelset(&all, SIGBUS);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = pthread_create(thread, NULL, body, argument);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (!error) pthread_setname_np(*thread, "rubeam_worker");
  return error;
}

static void join_workers(struct pool *pool)
{
  pthread_mutex_lock(&pool->lock);
  pool->closing = true;
  pthread_cond_broadcast(&pool->work);
  pthread_mutex_unlock(&pool->lock);
  for (unsigned i = 0; i < pool->threads; i++) pthread_join(pool->worker[i], NULL);
}

enum status pool_open(enum pool_form form, unsigned threads, void (*run)(struct task *),
                      struct pool **out)
{
  if (form != POOL_THREADS) threads = 0;
  struct pool *pool = calloc(1, sizeof *pool + threads * sizeof pool->worker[0]);
  if (!pool) return STATUS_NO_MEMORY;
  pool->form = form;
  pool->run = run;
  pthread_mutex_init(&pool->lock, NULL);
  pthread_cond_init(&pool->work, NULL);
  for (; pool->threads < threads; pool->threads++) {
    if (start_thread(&pool->worker[pool->threads], work, pool)) {
      pool_close(pool);
      return STATUS_NO_MEMORY;
    }
  }
  *out = pool;
  return STATUS_OK;
}

void pool_close(struct pool *pool)
{
  if (!pool) return;
  join_workers(pool);
  while (pool_run_one(pool)) {
  }
  pthread_cond_destroy(&pool->work);
  pthread_mutex_destroy(&pool->lock);
  free(pool);
}

enum pool_form pool_form(const struct pool *pool) { return pool->form; }

const _Atomic unsigned *pool_waiting(const struct pool *pool)
{
  return pool->form == POOL_THREADS ? &pool->waiting : NULL;
}

/* A worker that was woken takes itself and a task off both counts. So there is one for each task as
 * long as there are not more tasks than idle workers. */
bool pool_submit(struct pool *pool, struct task *task, enum rank rank)
{
  pthread_mutex_lock(&pool->lock);
  put(pool, task, rank);
  atomic_fetch_add(&pool->waiting, 1);
  bool first_to_wait = pool->form == POOL_THREADS && atomic_load(&pool->waiting) == pool->idle + 1;
  if (pool->idle) pthread_cond_signal(&pool->work);
  pthread_mutex_unlock(&pool->lock);
  return first_to_wait;
}

bool pool_withdraw(struct pool *pool, struct task *task)
{
  pthread_mutex_lock(&pool->lock);
  bool queued = task->queued;
  if (queued) {
    take(pool, task);
    atomic_fetch_sub(&pool->waiting, 1);
  }
  pthread_mutex_unlock(&pool->lock);
  return queued;
}

void pool_hurry(struct pool *pool, struct task *task)
{
  pthread_mutex_lock(&pool->lock);
  if (task->queued && task->rank != RANK_URGENT) {
    take(pool, task);
    put(pool, task, RANK_URGENT);
  }
  pthread_mutex_unlock(&pool->lock);
}

bool pool_run_one(struct pool *pool)
{
  TEST_POINT(POINT_READY);
  pthread_mutex_lock(&pool->lock);
  struct task *task = take_best(pool);
  pthread_mutex_unlock(&pool->lock);
  if (!task) return false;
  pool->run(task);
  return true;
}

void pool_figures(struct pool *pool, struct pool_figures *out)
{
  pthread_mutex_lock(&pool->lock);
  for (int i = 0; i < RANKS; i++) out->queued[i] = pool->queues[i].length;
  pthread_mutex_unlock(&pool->lock);
  out->threads = pool->threads;
  out->form = pool->form;
}
