/* Tests of driver/pool.c.
 *
 * The module is compiled in here, with a calloc and a pthread_create that fail when they are told
 * to; the linker then takes these functions and not the library's. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>

static struct {
  size_t callocs_left, threads_left; /* that succeed */
} system_has = {SIZE_MAX, SIZE_MAX};

static void *test_calloc(size_t count, size_t bytes)
{
  if (system_has.callocs_left == 0) return NULL;
  system_has.callocs_left--;
  return calloc(count, bytes);
}

static int test_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                               void *(*body)(void *), void *argument)
{
  if (system_has.threads_left == 0) return EAGAIN;
  system_has.threads_left--;
  return pthread_create(thread, attributes, body, argument);
}

#define calloc(count, bytes)                    test_calloc(count, bytes)
#define pthread_create(thread, attributes, ...) test_pthread_create(thread, attributes, __VA_ARGS__)
#include "pool.c"
#undef calloc
#undef pthread_create

#include "seed.h"
#include "waiting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>

#include <cmocka.h>

/* A task that tells when it ran, and may go on. */
struct item {
  struct task task;
  _Atomic int runs;
  int again; /* so many times it submits itself anew when it runs */
  enum rank rank_again;
  struct pool *pool;
};

static struct item *item_of(struct task *task) { return (struct item *)(void *)task; }

static struct {
  struct item *items[1000]; /* in the order in which they ran; for tests with one thread */
  size_t count;
} ran;

static void note(struct task *task)
{
  struct item *item = item_of(task);
  assert_false(task->queued);
  item->runs++;
  ran.items[ran.count++] = item;
  if (item->again > 0) {
    item->again--;
    pool_submit(item->pool, task, item->rank_again);
  }
}

static int forget(void **state)
{
  (void)state;
  ran.count = 0;
  system_has.callocs_left = system_has.threads_left = SIZE_MAX;
  return 0;
}

static struct pool *open_pool(enum pool_form form, unsigned threads, void (*run)(struct task *))
{
  struct pool *pool = NULL;
  assert_int_equal(pool_open(form, threads, run, &pool), STATUS_OK);
  assert_non_null(pool);
  return pool;
}

static struct pool_figures figures_of(struct pool *pool)
{
  struct pool_figures figures;
  pool_figures(pool, &figures);
  return figures;
}

static void must_have_queued(struct pool *pool, size_t urgent, size_t young, size_t old)
{
  struct pool_figures figures = figures_of(pool);
  assert_int_equal(figures.queued[RANK_URGENT], urgent);
  assert_int_equal(figures.queued[RANK_YOUNG], young);
  assert_int_equal(figures.queued[RANK_OLD], old);
}

static void must_run(struct pool *pool, struct item *item)
{
  size_t before = ran.count;
  assert_true(pool_run_one(pool));
  assert_int_equal(ran.count, before + 1);
  assert_ptr_equal(ran.items[before], item);
}

/* --- the form async: one thread, so the order can be seen --- */

static void a_pool_of_the_form_async_has_no_threads(void **state)
{
  (void)state;
  struct pool *pool = open_pool(POOL_ASYNC, 7, note);
  assert_int_equal(pool_form(pool), POOL_ASYNC);
  struct pool_figures figures = figures_of(pool);
  assert_int_equal(figures.threads, 0);
  assert_int_equal(figures.form, POOL_ASYNC);
  must_have_queued(pool, 0, 0, 0);
  assert_false(pool_run_one(pool));
  pool_close(pool);
}

static void one_run_runs_one_task_once(void **state)
{
  (void)state;
  struct pool *pool = open_pool(POOL_ASYNC, 0, note);
  struct item a = {.runs = 0}, b = {.runs = 0};
  assert_false(pool_submit(pool, &a.task, RANK_YOUNG)); /* no slice that runs is to be told */
  assert_false(pool_submit(pool, &b.task, RANK_YOUNG));
  must_have_queued(pool, 0, 2, 0);
  must_run(pool, &a);
  must_have_queued(pool, 0, 1, 0);
  must_run(pool, &b);
  assert_false(pool_run_one(pool));
  assert_int_equal(a.runs, 1);
  assert_int_equal(b.runs, 1);
  pool_close(pool);
}

static void the_urgent_go_before_the_young_and_these_before_the_old(void **state)
{
  (void)state;
  struct pool *pool = open_pool(POOL_ASYNC, 0, note);
  struct item urgent[2] = {{.runs = 0}}, young[2] = {{.runs = 0}}, old[2] = {{.runs = 0}};
  for (int i = 0; i < 2; i++) {
    pool_submit(pool, &old[i].task, RANK_OLD);
    pool_submit(pool, &young[i].task, RANK_YOUNG);
    pool_submit(pool, &urgent[i].task, RANK_URGENT);
  }
  must_have_queued(pool, 2, 2, 2);
  must_run(pool, &urgent[0]);
  must_run(pool, &urgent[1]);
  must_run(pool, &young[0]);
  must_run(pool, &young[1]);
  must_run(pool, &old[0]);
  must_run(pool, &old[1]);
  assert_false(pool_run_one(pool));
  pool_close(pool);
}

static void tasks_that_submit_themselves_take_turns(void **state)
{
  (void)state;
  struct pool *pool = open_pool(POOL_ASYNC, 0, note);
  struct item items[3];
  memset(items, 0, sizeof items);
  for (size_t i = 0; i < 3; i++) {
    items[i].pool = pool;
    items[i].again = 4;
    items[i].rank_again = RANK_OLD;
    pool_submit(pool, &items[i].task, RANK_OLD);
  }
  for (size_t i = 0; i < 15; i++) must_run(pool, &items[i % 3]);
  assert_false(pool_run_one(pool));
  pool_close(pool);
}

static void every_eighth_slice_is_an_old_one_however_many_young_there_are(void **state)
{
  (void)state;
  struct pool *pool = open_pool(POOL_ASYNC, 0, note);
  struct item young = {.pool = pool, .again = 79, .rank_again = RANK_YOUNG};
  struct item old = {.pool = pool, .again = 9, .rank_again = RANK_OLD};
  pool_submit(pool, &old.task, RANK_OLD);
  pool_submit(pool, &young.task, RANK_YOUNG);
  size_t last = SIZE_MAX;
  for (size_t i = 0; i < 80; i++) {
    assert_true(pool_run_one(pool));
    if (ran.items[i] != &old) continue;
    if (last != SIZE_MAX) assert_int_equal(i - last, 8);
    last = i;
  }
  assert_int_equal(old.runs, 10);
  while (pool_run_one(pool)) {
  }
  pool_close(pool);
}

static void an_old_task_that_is_alone_runs_at_once(void **state)
{
  (void)state;
  struct pool *pool = open_pool(POOL_ASYNC, 0, note);
  struct item old = {.pool = pool, .again = 20, .rank_again = RANK_OLD};
  pool_submit(pool, &old.task, RANK_OLD);
  for (int i = 0; i < 21; i++) must_run(pool, &old);
  pool_close(pool);
}

static void an_urgent_task_goes_before_an_old_one_whose_turn_it_is(void **state)
{
  (void)state;
  struct pool *pool = open_pool(POOL_ASYNC, 0, note);
  struct item young = {.pool = pool, .again = 30, .rank_again = RANK_YOUNG}, urgent = {.runs = 0};
  struct item old = {.runs = 0};
  pool_submit(pool, &young.task, RANK_YOUNG);
  for (int i = 0; i < 20; i++) must_run(pool, &young);
  pool_submit(pool, &old.task, RANK_OLD);
  pool_submit(pool, &urgent.task, RANK_URGENT);
  must_run(pool, &urgent);
  must_run(pool, &old);
  while (pool_run_one(pool)) {
  }
  pool_close(pool);
}

/* --- taking out and moving --- */

static void a_task_that_is_withdrawn_does_not_run(void **state)
{
  (void)state;
  struct pool *pool = open_pool(POOL_ASYNC, 0, note);
  /* The first, one in the middle, the last, and the only one of each queue. */
  for (size_t which = 0; which < 3; which++) {
    struct item items[3];
    memset(items, 0, sizeof items);
    for (size_t i = 0; i < 3; i++) pool_submit(pool, &items[i].task, RANK_YOUNG);
    assert_true(pool_withdraw(pool, &items[which].task));
    assert_false(pool_withdraw(pool, &items[which].task));
    must_have_queued(pool, 0, 2, 0);
    for (size_t i = 0; i < 3; i++)
      if (i != which) must_run(pool, &items[i]);
    assert_false(pool_run_one(pool));
    assert_int_equal(items[which].runs, 0);
  }
  for (int rank = 0; rank < RANKS; rank++) {
    struct item item = {.runs = 0};
    pool_submit(pool, &item.task, (enum rank)rank);
    assert_true(pool_withdraw(pool, &item.task));
    assert_false(pool_run_one(pool));
    must_have_queued(pool, 0, 0, 0);
  }
  pool_close(pool);
}

static void a_task_in_no_queue_is_not_withdrawn(void **state)
{
  (void)state;
  struct pool *pool = open_pool(POOL_ASYNC, 0, note);
  struct item item = {.runs = 0};
  assert_false(pool_withdraw(pool, &item.task));
  pool_submit(pool, &item.task, RANK_OLD);
  must_run(pool, &item);
  assert_false(pool_withdraw(pool, &item.task));
  pool_close(pool);
}

static void a_task_that_was_withdrawn_can_be_submitted_again(void **state)
{
  (void)state;
  struct pool *pool = open_pool(POOL_ASYNC, 0, note);
  struct item item = {.runs = 0};
  for (int i = 0; i < 5; i++) {
    pool_submit(pool, &item.task, RANK_OLD);
    assert_true(pool_withdraw(pool, &item.task));
  }
  pool_submit(pool, &item.task, RANK_YOUNG);
  must_run(pool, &item);
  pool_close(pool);
}

static void a_task_that_is_hurried_goes_before_all_but_the_urgent(void **state)
{
  (void)state;
  struct pool *pool = open_pool(POOL_ASYNC, 0, note);
  struct item items[5];
  memset(items, 0, sizeof items);
  pool_submit(pool, &items[0].task, RANK_URGENT);
  pool_submit(pool, &items[1].task, RANK_YOUNG);
  pool_submit(pool, &items[2].task, RANK_OLD);
  pool_submit(pool, &items[3].task, RANK_OLD);
  pool_submit(pool, &items[4].task, RANK_OLD);
  pool_hurry(pool, &items[3].task);
  must_have_queued(pool, 2, 1, 2);
  pool_hurry(pool, &items[3].task);
  pool_hurry(pool, &items[0].task); /* stays where it is, before the other */
  must_run(pool, &items[0]);
  must_run(pool, &items[3]);
  must_run(pool, &items[1]);
  must_run(pool, &items[2]);
  must_run(pool, &items[4]);
  pool_close(pool);
}

static void hurrying_a_task_in_no_queue_does_nothing(void **state)
{
  (void)state;
  struct pool *pool = open_pool(POOL_ASYNC, 0, note);
  struct item item = {.runs = 0};
  pool_hurry(pool, &item.task);
  must_have_queued(pool, 0, 0, 0);
  assert_false(pool_run_one(pool));
  pool_close(pool);
}

static void closing_runs_what_is_still_queued(void **state)
{
  (void)state;
  struct pool *pool = open_pool(POOL_ASYNC, 0, note);
  struct item items[30];
  memset(items, 0, sizeof items);
  for (size_t i = 0; i < 30; i++) pool_submit(pool, &items[i].task, (enum rank)(i % RANKS));
  pool_close(pool);
  for (size_t i = 0; i < 30; i++) assert_int_equal(items[i].runs, 1);
}

/* What a task does with the order is checked against a plain list, for many orders. */
static void any_sequence_of_operations_keeps_the_order(void **state)
{
  (void)state;
  enum { ITEMS = 12 };
  struct random random = random_seeded();
  struct pool *pool = open_pool(POOL_ASYNC, 0, note);
  struct item items[ITEMS];
  struct item *model[RANKS][ITEMS + 1];
  size_t lengths[RANKS] = {0};
  memset(items, 0, sizeof items);
  for (int step = 0; step < 200000; step++) {
    struct item *item = &items[random_below(&random, ITEMS)];
    int in = -1;
    size_t at = 0;
    for (int rank = 0; rank < RANKS; rank++)
      for (size_t i = 0; i < lengths[rank]; i++)
        if (model[rank][i] == item) {
          in = rank;
          at = i;
        }
    size_t what = random_below(&random, 4);
    if (what == 0 && in < 0) {
      size_t rank = random_below(&random, RANKS);
      pool_submit(pool, &item->task, (enum rank)rank);
      model[rank][lengths[rank]++] = item;
    } else if (what == 1) {
      assert_int_equal(pool_withdraw(pool, &item->task), in >= 0);
    } else if (what == 2) {
      pool_hurry(pool, &item->task);
      if (in != RANK_YOUNG && in != RANK_OLD) continue;
      model[RANK_URGENT][lengths[RANK_URGENT]++] = item;
    } else if (what == 3) {
      ran.count = 0;
      bool any = lengths[0] + lengths[1] + lengths[2] > 0;
      assert_int_equal(pool_run_one(pool), any);
      if (!any) continue;
      item = ran.items[0];
      in = -1; /* which queue it came from is another test's; here: the first of its queue */
      for (int rank = 0; rank < RANKS; rank++)
        if (lengths[rank] > 0 && model[rank][0] == item) in = rank;
      assert_true(in == RANK_URGENT || (lengths[RANK_URGENT] == 0 && in > 0));
      at = 0;
    }
    if (in >= 0 && what > 0) {
      memmove(&model[in][at], &model[in][at + 1], (lengths[in] - at - 1) * sizeof model[in][0]);
      lengths[in]--;
    }
  }
  must_have_queued(pool, lengths[0], lengths[1], lengths[2]);
  pool_close(pool);
}

/* --- the form threads --- */

static _Atomic size_t runs;

static void count_run(struct task *task)
{
  item_of(task)->runs++;
  runs++;
}

static void workers_run_what_is_submitted(void **state)
{
  (void)state;
  runs = 0;
  struct pool *pool = open_pool(POOL_THREADS, 3, count_run);
  assert_int_equal(pool_form(pool), POOL_THREADS);
  assert_int_equal(figures_of(pool).threads, 3);
  struct item items[50];
  memset(items, 0, sizeof items);
  for (size_t i = 0; i < 50; i++) pool_submit(pool, &items[i].task, (enum rank)(i % RANKS));
  must_become(runs == 50);
  for (size_t i = 0; i < 50; i++) assert_int_equal(items[i].runs, 1);
  must_have_queued(pool, 0, 0, 0);
  pool_close(pool);
}

static _Atomic int inside;
static _Atomic bool may_leave;

static void stay_inside(struct task *task)
{
  item_of(task)->runs++;
  inside++;
  while (!may_leave) pause_us(100);
  runs++;
}

static void as_many_tasks_run_at_a_time_as_there_are_workers(void **state)
{
  (void)state;
  struct pool *pool = open_pool(POOL_THREADS, 3, stay_inside);
  struct item items[5];
  memset(items, 0, sizeof items);
  inside = 0;
  may_leave = false;
  for (size_t i = 0; i < 5; i++) pool_submit(pool, &items[i].task, RANK_YOUNG);
  must_become(inside == 3);
  must_have_queued(pool, 0, 2, 0);
  assert_false(pool_withdraw(pool, &items[0].task));
  assert_true(pool_withdraw(pool, &items[4].task));
  may_leave = true;
  must_become(inside == 4);
  pool_close(pool);
  assert_int_equal(items[4].runs, 0);
}

static void closing_waits_for_what_runs_and_runs_what_is_queued(void **state)
{
  (void)state;
  for (int round = 0; round < 20; round++) {
    runs = 0;
    struct pool *pool = open_pool(POOL_THREADS, 2, count_run);
    struct item items[100];
    memset(items, 0, sizeof items);
    for (size_t i = 0; i < 100; i++) pool_submit(pool, &items[i].task, (enum rank)(i % RANKS));
    pool_close(pool);
    assert_int_equal(runs, 100);
    for (size_t i = 0; i < 100; i++) assert_int_equal(items[i].runs, 1);
  }
}

static void a_pool_without_work_can_be_closed(void **state)
{
  (void)state;
  for (int i = 0; i < 50; i++) pool_close(open_pool(POOL_THREADS, 2, count_run));
  pool_close(NULL);
}

static sigset_t seen_mask;
static char seen_name[16];

static void look_around(struct task *task)
{
  (void)task;
  (void)pthread_sigmask(SIG_BLOCK, NULL, &seen_mask);
  (void)pthread_getname_np(pthread_self(), seen_name, sizeof seen_name);
  runs++;
}

static void workers_block_signals_but_for_faults_and_have_a_name(void **state)
{
  (void)state;
  runs = 0;
  sigset_t before, after;
  (void)pthread_sigmask(SIG_BLOCK, NULL, &before);
  struct pool *pool = open_pool(POOL_THREADS, 1, look_around);
  (void)pthread_sigmask(SIG_BLOCK, NULL, &after);
  struct item item = {.runs = 0};
  pool_submit(pool, &item.task, RANK_YOUNG);
  must_become(runs == 1);
  pool_close(pool);
  assert_string_equal(seen_name, "rubeam_worker");
  static const int blocked[] = {SIGTERM, SIGCHLD, SIGUSR1, SIGALRM, SIGINT, SIGPIPE};
  for (size_t i = 0; i < sizeof blocked / sizeof *blocked; i++) {
    assert_true(sigismember(&seen_mask, blocked[i]));
    assert_int_equal(sigismember(&before, blocked[i]), sigismember(&after, blocked[i]));
  }
  assert_false(sigismember(&seen_mask, SIGSEGV));
  assert_false(sigismember(&seen_mask, SIGBUS));
}

/* --- who waits --- */

static unsigned idle_workers(struct pool *pool)
{
  pthread_mutex_lock(&pool->lock);
  unsigned idle = pool->idle;
  pthread_mutex_unlock(&pool->lock);
  return idle;
}

static unsigned waiting_for(struct pool *pool)
{
  assert_non_null(pool_waiting(pool));
  return atomic_load(pool_waiting(pool));
}

static void nobody_is_known_to_wait_for_threads_that_are_lent(void **state)
{
  (void)state;
  struct pool *pool = open_pool(POOL_ASYNC, 2, note);
  struct item item = {.runs = 0};
  assert_null(pool_waiting(pool));
  pool_submit(pool, &item.task, RANK_OLD);
  assert_null(pool_waiting(pool));
  pool_close(pool);
}

/* Whether the workers have taken the first tasks yet makes no difference. */
static void a_submit_says_when_there_is_no_idle_worker_for_it(void **state)
{
  (void)state;
  enum { ITEMS = 6 };
  for (int round = 0; round < 200; round++) {
    unsigned workers = 1 + (unsigned)round % 4;
    struct pool *pool = open_pool(POOL_THREADS, workers, stay_inside);
    struct item items[ITEMS];
    memset(items, 0, sizeof items);
    inside = 0;
    may_leave = false;
    assert_int_equal(waiting_for(pool), 0);
    must_become(idle_workers(pool) == workers);
    for (unsigned i = 0; i < ITEMS; i++)
      assert_int_equal(pool_submit(pool, &items[i].task, (enum rank)(i % RANKS)), i == workers);
    must_become(inside == (int)workers);
    assert_int_equal(waiting_for(pool), ITEMS - workers);
    may_leave = true;
    must_become(waiting_for(pool) == 0);
    pool_close(pool);
  }
}

static void a_submit_to_idle_workers_says_nothing_however_often(void **state)
{
  (void)state;
  struct pool *pool = open_pool(POOL_THREADS, 2, count_run);
  struct item item = {.runs = 0};
  for (int i = 1; i <= 200; i++) {
    must_become(idle_workers(pool) == 2);
    assert_false(pool_submit(pool, &item.task, RANK_YOUNG));
    must_become(item.runs == i);
    must_become(waiting_for(pool) == 0);
  }
  pool_close(pool);
}

/* All workers are busy: then what waits is what is queued, and the first one to wait is told of. */
static void any_sequence_of_operations_says_how_many_wait_and_who_is_the_first(void **state)
{
  (void)state;
  enum { ITEMS = 6, WORKERS = 2 };
  struct random random = random_seeded();
  struct pool *pool = open_pool(POOL_THREADS, WORKERS, stay_inside);
  const _Atomic unsigned *waiting = pool_waiting(pool);
  struct item busy[WORKERS], items[ITEMS];
  bool queued[ITEMS] = {false};
  unsigned length = 0, firsts = 0;
  memset(busy, 0, sizeof busy);
  memset(items, 0, sizeof items);
  inside = 0;
  may_leave = false;
  for (size_t i = 0; i < WORKERS; i++) pool_submit(pool, &busy[i].task, RANK_YOUNG);
  must_become(inside == WORKERS);
  for (int step = 0; step < 20000; step++) {
    size_t i = random_below(&random, ITEMS), what = random_below(&random, 5);
    if (what < 2 && !queued[i]) {
      enum rank rank = (enum rank)random_below(&random, RANKS);
      assert_int_equal(pool_submit(pool, &items[i].task, rank), length == 0);
      if (length == 0) firsts++;
      queued[i] = true;
      length++;
    } else if (what == 2) {
      pool_hurry(pool, &items[i].task);
    } else if (what > 2) {
      assert_int_equal(pool_withdraw(pool, &items[i].task), queued[i]);
      length -= queued[i];
      queued[i] = false;
    }
    assert_int_equal(atomic_load(waiting), length);
  }
  assert_true(firsts > 10);
  may_leave = true;
  must_become(atomic_load(waiting) == 0);
  pool_close(pool);
}

static void what_waits_is_no_longer_counted_when_another_thread_takes_it(void **state)
{
  (void)state;
  struct pool *pool = open_pool(POOL_THREADS, 1, stay_inside);
  struct item items[3];
  memset(items, 0, sizeof items);
  inside = 0;
  may_leave = false;
  pool_submit(pool, &items[0].task, RANK_YOUNG);
  must_become(inside == 1);
  assert_true(pool_submit(pool, &items[1].task, RANK_YOUNG));
  assert_false(pool_submit(pool, &items[2].task, RANK_YOUNG));
  assert_int_equal(waiting_for(pool), 2);
  may_leave = true;
  while (pool_run_one(pool)) {
  }
  assert_int_equal(waiting_for(pool), 0);
  pool_close(pool);
}

/* --- many threads at once --- */

enum { SUBMITTERS = 4, TASKS_EACH = 3000 };

struct submitter {
  pthread_t thread;
  struct pool *pool;
  struct random random;
  struct item *items;
  size_t withdrawn[TASKS_EACH];
};

static void *submit_all(void *data)
{
  struct submitter *submitter = data;
  for (size_t i = 0; i < TASKS_EACH; i++)
    pool_submit(submitter->pool, &submitter->items[i].task,
                (enum rank)random_below(&submitter->random, RANKS));
  return NULL;
}

static void *submit_and_withdraw(void *data)
{
  struct submitter *submitter = data;
  for (size_t i = 0; i < TASKS_EACH; i++) {
    struct task *task = &submitter->items[i].task;
    pool_submit(submitter->pool, task, (enum rank)random_below(&submitter->random, RANKS));
    if (random_below(&submitter->random, 3) == 0) pool_hurry(submitter->pool, task);
    size_t other = random_below(&submitter->random, i + 1);
    submitter->withdrawn[other] += pool_withdraw(submitter->pool, &submitter->items[other].task);
  }
  return NULL;
}

/* Starts the threads, joins them, and closes the pool: then all is settled. */
static struct submitter *submit_from_threads(void *(*body)(void *), unsigned workers)
{
  struct random random = random_seeded();
  struct pool *pool = open_pool(POOL_THREADS, workers, count_run);
  struct submitter *all = calloc(SUBMITTERS, sizeof *all);
  assert_non_null(all);
  for (size_t i = 0; i < SUBMITTERS; i++) {
    all[i].pool = pool;
    all[i].random.state = random_next(&random);
    all[i].items = calloc(TASKS_EACH, sizeof *all[i].items);
    assert_non_null(all[i].items);
    assert_int_equal(pthread_create(&all[i].thread, NULL, body, &all[i]), 0);
  }
  for (size_t i = 0; i < SUBMITTERS; i++) pthread_join(all[i].thread, NULL);
  pool_close(pool);
  return all;
}

static void free_submitters(struct submitter *all)
{
  for (size_t i = 0; i < SUBMITTERS; i++) free(all[i].items);
  free(all);
}

static void thousands_of_tasks_from_several_threads_all_run_once(void **state)
{
  (void)state;
  runs = 0;
  struct submitter *all = submit_from_threads(submit_all, 3);
  assert_int_equal(runs, SUBMITTERS * TASKS_EACH);
  for (size_t i = 0; i < SUBMITTERS; i++)
    for (size_t k = 0; k < TASKS_EACH; k++) assert_int_equal(all[i].items[k].runs, 1);
  free_submitters(all);
}

static void a_task_is_either_withdrawn_or_run_and_never_both(void **state)
{
  (void)state;
  runs = 0;
  size_t withdrawn = 0;
  struct submitter *all = submit_from_threads(submit_and_withdraw, 3);
  for (size_t i = 0; i < SUBMITTERS; i++)
    for (size_t k = 0; k < TASKS_EACH; k++) {
      assert_int_equal((size_t)all[i].items[k].runs + all[i].withdrawn[k], 1);
      withdrawn += all[i].withdrawn[k];
    }
  assert_int_equal(runs + withdrawn, SUBMITTERS * TASKS_EACH);
  free_submitters(all);
}

static void *run_tokens(void *data)
{
  struct submitter *submitter = data;
  while (runs < SUBMITTERS * TASKS_EACH)
    if (!pool_run_one(submitter->pool)) pause_us(50);
  return NULL;
}

static void threads_that_are_lent_run_every_task_once(void **state)
{
  (void)state;
  runs = 0;
  struct pool *pool = open_pool(POOL_ASYNC, 0, count_run);
  struct submitter lent[3] = {{.pool = pool}, {.pool = pool}, {.pool = pool}};
  struct item *items = calloc(SUBMITTERS * TASKS_EACH, sizeof *items);
  assert_non_null(items);
  for (size_t i = 0; i < 3; i++)
    assert_int_equal(pthread_create(&lent[i].thread, NULL, run_tokens, &lent[i]), 0);
  for (size_t i = 0; i < SUBMITTERS * TASKS_EACH; i++)
    pool_submit(pool, &items[i].task, (enum rank)(i % RANKS));
  for (size_t i = 0; i < 3; i++) pthread_join(lent[i].thread, NULL);
  for (size_t i = 0; i < SUBMITTERS * TASKS_EACH; i++) assert_int_equal(items[i].runs, 1);
  assert_false(pool_run_one(pool));
  pool_close(pool);
  free(items);
}

/* --- no memory, no thread --- */

static void opening_fails_without_memory(void **state)
{
  (void)state;
  struct pool *pool = NULL;
  system_has.callocs_left = 0;
  assert_int_equal(pool_open(POOL_THREADS, 2, count_run, &pool), STATUS_NO_MEMORY);
  assert_int_equal(pool_open(POOL_ASYNC, 0, count_run, &pool), STATUS_NO_MEMORY);
  assert_null(pool);
}

static void opening_fails_when_a_thread_cannot_be_started_and_leaves_none_running(void **state)
{
  (void)state;
  for (size_t started = 0; started < 3; started++) {
    struct pool *pool = NULL;
    system_has.threads_left = started;
    assert_int_equal(pool_open(POOL_THREADS, 3, count_run, &pool), STATUS_NO_MEMORY);
    assert_null(pool); /* a thread that were left would be a leak for the sanitizers */
  }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, forget, forget)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(a_pool_of_the_form_async_has_no_threads),
      TEST(one_run_runs_one_task_once),
      TEST(the_urgent_go_before_the_young_and_these_before_the_old),
      TEST(tasks_that_submit_themselves_take_turns),
      TEST(every_eighth_slice_is_an_old_one_however_many_young_there_are),
      TEST(an_old_task_that_is_alone_runs_at_once),
      TEST(an_urgent_task_goes_before_an_old_one_whose_turn_it_is),
      TEST(a_task_that_is_withdrawn_does_not_run),
      TEST(a_task_in_no_queue_is_not_withdrawn),
      TEST(a_task_that_was_withdrawn_can_be_submitted_again),
      TEST(a_task_that_is_hurried_goes_before_all_but_the_urgent),
      TEST(hurrying_a_task_in_no_queue_does_nothing),
      TEST(closing_runs_what_is_still_queued),
      TEST(any_sequence_of_operations_keeps_the_order),
      TEST(workers_run_what_is_submitted),
      TEST(as_many_tasks_run_at_a_time_as_there_are_workers),
      TEST(closing_waits_for_what_runs_and_runs_what_is_queued),
      TEST(a_pool_without_work_can_be_closed),
      TEST(workers_block_signals_but_for_faults_and_have_a_name),
      TEST(nobody_is_known_to_wait_for_threads_that_are_lent),
      TEST(a_submit_says_when_there_is_no_idle_worker_for_it),
      TEST(a_submit_to_idle_workers_says_nothing_however_often),
      TEST(any_sequence_of_operations_says_how_many_wait_and_who_is_the_first),
      TEST(what_waits_is_no_longer_counted_when_another_thread_takes_it),
      TEST(thousands_of_tasks_from_several_threads_all_run_once),
      TEST(a_task_is_either_withdrawn_or_run_and_never_both),
      TEST(threads_that_are_lent_run_every_task_once),
      TEST(opening_fails_without_memory),
      TEST(opening_fails_when_a_thread_cannot_be_started_and_leaves_none_running),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
