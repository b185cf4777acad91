/* Tests of driver/watchdog.c: jobs that are asked to give way, and the thread that asks them.
 * Timers are in test_watchdog_timers.c.
 *
 * The module is compiled in here, with allocators and a pthread_create that fail when they are told
 * to, with signals that are counted, and with slices that may be longer while they are alone than a
 * test takes; the linker then takes these functions and not the library's. */
#include "preempt.h"
#include "watchdog.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

static struct {
  _Atomic bool no_memory, no_threads;
} system_has;

static void *test_calloc(size_t count, size_t bytes)
{
  return system_has.no_memory ? NULL : calloc(count, bytes);
}

static void *test_realloc(void *block, size_t bytes)
{
  return system_has.no_memory ? NULL : realloc(block, bytes);
}

static int test_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                               void *(*body)(void *), void *argument)
{
  return system_has.no_threads ? EAGAIN : pthread_create(thread, attributes, body, argument);
}

static struct {
  _Atomic int sent, settled;
  _Atomic pthread_t to; /* the last one */
} signals;

static void test_preempt_thread(struct preempt_target *target)
{
  signals.to = target->thread;
  signals.sent++;
  preempt_thread(target);
}

static void test_preempt_settle(struct preempt_target *target)
{
  signals.settled++;
  preempt_settle(target);
}

enum { REAL_ALONE_NS = WATCHDOG_ALONE_NS };
static _Atomic int64_t alone_ns = REAL_ALONE_NS;
#undef WATCHDOG_ALONE_NS
#define WATCHDOG_ALONE_NS atomic_load(&alone_ns)

#define calloc(count, bytes)                    test_calloc(count, bytes)
#define realloc(block, bytes)                   test_realloc(block, bytes)
#define pthread_create(thread, attributes, ...) test_pthread_create(thread, attributes, __VA_ARGS__)
#define preempt_thread(target)                  test_preempt_thread(target)
#define preempt_settle(target)                  test_preempt_settle(target)
#include "watchdog.c"
#undef calloc
#undef realloc
#undef pthread_create
#undef preempt_thread
#undef preempt_settle

#include "job_fixture.h"
#include "seed.h"
#include "waiting.h"
#include "watchdog_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static int start(void **state)
{
  system_has.no_memory = system_has.no_threads = false;
  signals.sent = signals.settled = 0;
  alone_ns = REAL_ALONE_NS;
  return start_watchdog(state);
}

static int stop(void **state)
{
  system_has.no_memory = system_has.no_threads = false;
  return stop_watchdog(state);
}

static void unhook(struct work *work)
{
  __atomic_store_n((void **)(void *)&work->mrb.code_fetch_hook, NULL, __ATOMIC_RELAXED);
}

/* --- asking --- */

static void a_job_that_overruns_its_slice_is_asked_to_give_way(void **state)
{
  (void)state;
  struct work work;
  work_init(&work, MS);
  assert_int_equal(watchdog_enter(&work.watched), STATUS_OK);
  must_become(is_asked(&work));
  must_become(is_hooked(&work));
  watchdog_leave(&work.watched);
}

static void leaving_takes_the_question_back(void **state)
{
  (void)state;
  struct work work;
  work_init(&work, MS);
  for (int i = 0; i < 5; i++) {
    assert_int_equal(watchdog_enter(&work.watched), STATUS_OK);
    assert_false(is_asked(&work) && i == 0);
    must_become(is_asked(&work));
    watchdog_leave(&work.watched);
    assert_false(is_asked(&work));
  }
}

static void a_job_that_does_not_heed_is_asked_again(void **state)
{
  (void)state;
  struct work work;
  work_init(&work, MS);
  assert_int_equal(watchdog_enter(&work.watched), STATUS_OK);
  for (int i = 0; i < 5; i++) {
    must_become(is_hooked(&work));
    unhook(&work);
  }
  watchdog_leave(&work.watched);
}

static void a_job_within_its_slice_is_left_alone(void **state)
{
  (void)state;
  struct work slow, quick;
  work_init(&slow, HOUR);
  work_init(&quick, MS);
  /* Another thread's job is asked meanwhile: the watchdog has looked. */
  assert_int_equal(watchdog_enter(&slow.watched), STATUS_OK);
  pause_us(5000);
  watchdog_leave(&slow.watched);
  assert_int_equal(watchdog_enter(&quick.watched), STATUS_OK);
  must_become(is_asked(&quick));
  watchdog_leave(&quick.watched);
  assert_false(is_hooked(&slow));
}

static void slices_are_measured_one_by_one_and_not_together(void **state)
{
  (void)state;
  struct work work;
  work_init(&work, 20 * MS);
  int64_t until = test_now_ns() + 150 * MS;
  while (test_now_ns() < until) {
    int64_t began = test_now_ns();
    assert_int_equal(watchdog_enter(&work.watched), STATUS_OK);
    pause_us(200);
    bool asked = is_asked(&work);
    /* On a busy machine a pause may be long: then it is right to ask. */
    if (asked) assert_true(test_now_ns() - began >= 20 * MS - LOOK_NS - SLACK_NS);
    watchdog_leave(&work.watched);
  }
}

static void *stay_until_asked(void *data)
{
  struct work *work = data;
  if (watchdog_enter(&work->watched)) return NULL;
  while (!is_asked(work)) pause_us(100);
  watchdog_leave(&work->watched);
  return data;
}

static void jobs_on_several_threads_are_all_asked(void **state)
{
  (void)state;
  enum { THREADS = 8 };
  pthread_t thread[THREADS];
  struct work work[THREADS];
  for (size_t i = 0; i < THREADS; i++) {
    work_init(&work[i], MS);
    assert_int_equal(pthread_create(&thread[i], NULL, stay_until_asked, &work[i]), 0);
  }
  for (size_t i = 0; i < THREADS; i++) {
    void *result = NULL;
    pthread_join(thread[i], &result);
    assert_ptr_equal(result, &work[i]);
    assert_true(is_hooked(&work[i]));
  }
}

/* A job is freed as soon as it has left. ASan and TSan see who still touches it. */
static void *come_and_go(void *data)
{
  struct random *random = data;
  for (int i = 0; i < 400; i++) {
    struct work *work = malloc(sizeof *work);
    if (!work) return NULL;
    work_init(work, 1); /* asked at the first look */
    if (watchdog_enter(&work->watched)) return NULL;
    if (random_below(random, 4) == 0)
      while (!is_asked(work)) pause_us(20);
    else if (random_below(random, 2) == 0)
      pause_us((long)random_below(random, 300));
    watchdog_leave(&work->watched);
    memset(work, 0xee, sizeof *work);
    free(work);
  }
  return data;
}

static void nothing_of_a_job_is_touched_once_it_has_left(void **state)
{
  (void)state;
  enum { THREADS = 3 };
  struct random random = random_seeded(), each[THREADS];
  pthread_t thread[THREADS];
  for (size_t i = 0; i < THREADS; i++) {
    each[i].state = random_next(&random);
    assert_int_equal(pthread_create(&thread[i], NULL, come_and_go, &each[i]), 0);
  }
  for (size_t i = 0; i < THREADS; i++) {
    void *result = NULL;
    pthread_join(thread[i], &result);
    assert_non_null(result);
  }
}

/* --- sleeping --- */

static void the_thread_sleeps_without_a_period_when_nothing_runs(void **state)
{
  (void)state;
  assert_true(thread_switches() >= 0);
  must_become(thread_sleeps());
  struct work work;
  work_init(&work, MS);
  assert_int_equal(watchdog_enter(&work.watched), STATUS_OK);
  must_become(is_asked(&work));
  assert_false(thread_sleeps()); /* while a job runs it looks */
  watchdog_leave(&work.watched);
  must_become(thread_sleeps());
}

static void a_job_that_begins_while_the_thread_sleeps_is_asked(void **state)
{
  (void)state;
  struct work work;
  work_init(&work, MS);
  for (int i = 0; i < 3; i++) {
    must_become(thread_sleeps());
    assert_int_equal(watchdog_enter(&work.watched), STATUS_OK);
    must_become(is_asked(&work));
    watchdog_leave(&work.watched);
  }
}

/* Whenever a job begins, just as the thread falls asleep too, it is asked. */
static void a_job_that_begins_at_any_moment_is_asked(void **state)
{
  (void)state;
  struct random random = random_seeded();
  struct work work;
  work_init(&work, MS);
  for (int i = 0; i < 60; i++) {
    pause_us((long)random_below(&random, 14000)); /* it falls asleep after about 10 ms */
    assert_int_equal(watchdog_enter(&work.watched), STATUS_OK);
    must_become(is_asked(&work));
    watchdog_leave(&work.watched);
  }
}

static void a_timer_far_away_does_not_keep_the_thread_awake(void **state)
{
  (void)state;
  struct timer timer = {.at = 0};
  assert_int_equal(watchdog_reserve(), STATUS_OK);
  watchdog_set(&timer, now_ns() + HOUR);
  must_become(thread_sleeps());
  watchdog_cancel(&timer);
  watchdog_release();
}

/* --- starting and stopping --- */

static void the_last_stop_ends_the_thread_and_a_start_makes_a_new_one(void **state)
{
  (void)state;
  struct work work;
  work_init(&work, MS);
  assert_int_equal(thread_switches(), -1);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(watchdog_start(), STATUS_OK);
    assert_int_equal(watchdog_start(), STATUS_OK);
    watchdog_stop();
    assert_true(thread_switches() >= 0);
    unhook(&work);
    assert_int_equal(watchdog_enter(&work.watched), STATUS_OK);
    must_become(is_asked(&work));
    watchdog_leave(&work.watched);
    watchdog_stop();
    assert_int_equal(thread_switches(), -1);
  }
}

static void starting_fails_when_there_is_no_thread_to_be_had(void **state)
{
  (void)state;
  system_has.no_threads = true;
  assert_int_equal(watchdog_start(), STATUS_NO_MEMORY);
  assert_int_equal(thread_switches(), -1);
  system_has.no_threads = false;
  assert_int_equal(watchdog_start(), STATUS_OK);
  assert_true(thread_switches() >= 0);
  watchdog_stop();
}

static void *enter_without_memory(void *data)
{
  struct work *work = data;
  system_has.no_memory = true;
  enum status first = watchdog_enter(&work->watched);
  system_has.no_memory = false;
  if (first != STATUS_NO_MEMORY || watchdog_enter(&work->watched)) return NULL;
  system_has.no_memory = true; /* once per thread: it has its slot now */
  watchdog_leave(&work->watched);
  enum status third = watchdog_enter(&work->watched);
  watchdog_leave(&work->watched);
  system_has.no_memory = false;
  return third ? NULL : data;
}

static void entering_fails_without_memory_for_a_slot_and_can_be_tried_again(void **state)
{
  (void)state;
  struct work work;
  work_init(&work, MS);
  pthread_t thread;
  void *result = NULL;
  assert_int_equal(pthread_create(&thread, NULL, enter_without_memory, &work), 0);
  pthread_join(thread, &result);
  assert_non_null(result);
}

static void reserving_fails_without_memory_and_can_be_tried_again(void **state)
{
  (void)state;
  system_has.no_memory = true;
  size_t reserved = 0;
  while (reserved < 1000 && watchdog_reserve() == STATUS_OK) reserved++;
  assert_true(reserved < 1000);
  system_has.no_memory = false;
  for (int i = 0; i < 200; i++, reserved++) assert_int_equal(watchdog_reserve(), STATUS_OK);
  for (; reserved > 0; reserved--) watchdog_release();
}

/* --- slices that know when they began --- */

static const _Atomic unsigned nobody = 0;

/* Enters a slice of the pool, which has the thread for itself as long as *waiting is 0. */
static void enter_slice(struct work *work, int64_t slice_ns, int64_t began,
                        const _Atomic unsigned *waiting)
{
  work_init(work, slice_ns);
  work->watched.began = began;
  work->watched.waiting = waiting;
  assert_int_equal(watchdog_enter(&work->watched), STATUS_OK);
}

/* The thread has looked, asks nobody, and does not look again. */
static void must_not_be_asked(struct work *work)
{
  must_become(thread_sleeps());
  assert_false(is_asked(work));
  assert_false(is_hooked(work));
}

static void a_slice_that_knows_when_it_began_is_asked_when_it_is_over_and_not_before(void **state)
{
  (void)state;
  struct work work;
  for (int i = 0; i < 5; i++) {
    enter_slice(&work, 20 * MS, now_ns(), NULL);
    must_become(is_asked(&work));
    assert_true(now_ns() >= work.watched.began + 20 * MS - SLACK_NS);
    must_become(is_hooked(&work));
    watchdog_leave(&work.watched);
    assert_false(is_asked(&work));
  }
  enter_slice(&work, 20 * MS, now_ns() + HOUR, NULL);
  must_not_be_asked(&work);
  watchdog_leave(&work.watched);
}

static void a_slice_that_is_over_when_it_enters_is_asked(void **state)
{
  (void)state;
  struct work work;
  must_become(thread_sleeps());
  enter_slice(&work, MS, now_ns() - SECOND, NULL);
  must_become(is_asked(&work));
  watchdog_leave(&work.watched);
}

static bool runs(struct work *work)
{
  pthread_mutex_lock(&dog.lock);
  struct slot *slot = atomic_load(&dog.slots);
  while (slot && atomic_load(&slot->running) != &work->watched) slot = slot->next;
  pthread_mutex_unlock(&dog.lock);
  return slot != NULL;
}

/* Starts a thread with a slice that is not over by itself; returns when it has begun. */
static pthread_t start_slice(struct work *work)
{
  pthread_t thread;
  work_init(work, HOUR);
  work->watched.began = now_ns();
  assert_int_equal(pthread_create(&thread, NULL, stay_until_asked, work), 0);
  must_become(runs(work));
  return thread;
}

static void must_join(pthread_t thread, struct work *work)
{
  void *result = NULL;
  must_become(!runs(work));
  pthread_join(thread, &result);
  assert_ptr_equal(result, work);
}

static void of_several_slices_the_one_that_is_over_first_is_asked_first(void **state)
{
  (void)state;
  struct work far, near;
  pthread_t thread = start_slice(&far);
  for (int i = 0; i < 3; i++) {
    must_not_be_asked(&far); /* the thread sleeps until that one is over */
    enter_slice(&near, MS, now_ns(), NULL);
    must_become(is_asked(&near));
    assert_false(is_asked(&far));
    watchdog_leave(&near.watched);
  }
  watchdog_ask(&far.watched);
  must_join(thread, &far);
}

/* --- slices that are alone --- */

static void a_slice_that_is_alone_is_asked_after_the_longer_time_and_not_before(void **state)
{
  (void)state;
  struct work work;
  for (int i = 0; i < 3; i++) {
    enter_slice(&work, MS, now_ns(), &nobody);
    must_become(is_asked(&work));
    assert_true(now_ns() >= work.watched.began + REAL_ALONE_NS - SLACK_NS);
    watchdog_leave(&work.watched);
  }
}

static void while_a_slice_is_alone_the_thread_does_not_look(void **state)
{
  (void)state;
  struct work work;
  alone_ns = HOUR;
  enter_slice(&work, MS, now_ns(), &nobody);
  must_not_be_asked(&work);
  for (int i = 0; i < 10; i++) watchdog_notice(); /* it looks, and nothing has changed */
  must_not_be_asked(&work);
  watchdog_leave(&work.watched);
}

static void a_slice_that_is_alone_is_asked_when_somebody_comes_to_wait(void **state)
{
  (void)state;
  struct random random = random_seeded();
  _Atomic unsigned waiting = 0;
  struct work work;
  alone_ns = HOUR; /* so it is not asked for any other reason */
  for (int i = 0; i < 200; i++) {
    enter_slice(&work, MS, now_ns(), &waiting);
    if (i < 3)
      must_not_be_asked(&work);
    else
      pause_us((long)random_below(&random, 3000)); /* the thread looks just then, or sleeps */
    assert_false(is_asked(&work));
    waiting = 1;
    watchdog_notice();
    must_become(is_asked(&work));
    watchdog_leave(&work.watched);
    waiting = 0;
  }
}

static void a_slice_is_not_alone_where_somebody_waits_already(void **state)
{
  (void)state;
  static const _Atomic unsigned many = 1000;
  struct work work;
  alone_ns = HOUR;
  enter_slice(&work, MS, now_ns(), &many);
  must_become(is_asked(&work));
  watchdog_leave(&work.watched);
}

static void a_slice_that_may_be_longer_by_itself_is_not_shortened(void **state)
{
  (void)state;
  struct work work;
  alone_ns = 1;
  enter_slice(&work, HOUR, now_ns(), &nobody);
  must_not_be_asked(&work);
  watchdog_leave(&work.watched);
}

static void a_slice_that_does_not_know_when_it_began_is_never_alone(void **state)
{
  (void)state;
  struct work work;
  alone_ns = HOUR;
  enter_slice(&work, MS, 0, &nobody);
  must_become(is_asked(&work));
  watchdog_leave(&work.watched);
}

/* --- asking at once --- */

static void a_slice_that_runs_can_be_asked_at_once_on_any_thread(void **state)
{
  (void)state;
  struct work work[4], mine_too;
  pthread_t thread[4];
  for (size_t i = 0; i < 4; i++) thread[i] = start_slice(&work[i]);
  enter_slice(&mine_too, HOUR, now_ns(), &nobody);
  for (size_t i = 0; i < 4; i++) assert_false(is_asked(&work[i]));
  watchdog_ask(&work[2].watched);
  must_join(thread[2], &work[2]);
  assert_true(is_hooked(&work[2]));
  assert_false(is_asked(&mine_too));
  watchdog_ask(&mine_too.watched);
  assert_true(is_asked(&mine_too));
  assert_true(is_hooked(&mine_too));
  watchdog_leave(&mine_too.watched);
  assert_false(is_asked(&mine_too));
  for (size_t i = 0; i < 4; i++) {
    if (i == 2) continue;
    assert_false(is_asked(&work[i]));
    assert_false(is_hooked(&work[i]));
    watchdog_ask(&work[i].watched);
    must_join(thread[i], &work[i]);
  }
}

static void a_slice_of_a_callback_can_be_asked_at_once_too(void **state)
{
  (void)state;
  struct work work;
  enter_slice(&work, HOUR, 0, NULL);
  watchdog_ask(&work.watched);
  assert_true(is_asked(&work));
  assert_true(is_hooked(&work));
  watchdog_leave(&work.watched);
}

static void what_does_not_run_is_not_asked(void **state)
{
  (void)state;
  struct work work, other;
  work_init(&work, MS);
  watchdog_ask(&work.watched); /* never ran */
  enter_slice(&other, HOUR, now_ns(), NULL);
  watchdog_ask(&work.watched); /* another does */
  must_not_be_asked(&work);
  must_not_be_asked(&other);
  watchdog_leave(&other.watched);
  watchdog_ask(&other.watched); /* no more */
  must_not_be_asked(&other);
}

/* Either the slice is asked, or it enters so late that it sees why. */
static struct {
  struct work work;
  _Atomic bool go, told, over;
} race;

static void *enter_and_look(void *data)
{
  while (!race.go) {
  }
  if (watchdog_enter(&race.work.watched)) return NULL;
  bool seen = race.told; /* once */
  while (!seen && !is_asked(&race.work)) pause_us(50);
  watchdog_leave(&race.work.watched);
  race.over = true;
  return data;
}

static void a_slice_that_begins_while_it_is_asked_is_asked_or_sees_why(void **state)
{
  (void)state;
  struct random random = random_seeded();
  for (int i = 0; i < 500; i++) {
    pthread_t thread;
    work_init(&race.work, HOUR);
    race.work.watched.began = now_ns();
    race.go = race.told = race.over = false;
    assert_int_equal(pthread_create(&thread, NULL, enter_and_look, &race), 0);
    pause_us(i % 8 == 0 ? 500 : 50);
    race.go = true;
    for (volatile size_t n = random_below(&random, 2000); n > 0;) n = n - 1;
    race.told = true;
    watchdog_ask(&race.work.watched);
    must_become(race.over);
    pthread_join(thread, NULL);
  }
}

/* --- slices that do not heed --- */

static bool is_signalled(struct slot *slot)
{
  slot_lock(slot);
  bool signalled = slot->signalled;
  slot_unlock(slot);
  return signalled;
}

static void the_second_time_a_slice_is_asked_its_thread_is_sent_a_signal(void **state)
{
  (void)state;
  struct bell gate;
  struct work work;
  hold_the_thread(&gate); /* only the test asks */
  enter_slice(&work, HOUR, now_ns(), &nobody);
  struct slot *slot = mine.slot;
  for (int i = 0; i < 3; i++) watchdog_ask(&work.watched); /* at once is not a second time */
  bool asked = is_asked(&work), signalled = is_signalled(slot);
  int sent_at_once = signals.sent;
  let_the_thread_go();
  assert_true(asked);
  assert_false(signalled);
  assert_int_equal(sent_at_once, 0);
  must_become(signals.sent > 0);
  assert_true(is_signalled(slot));
  assert_true(pthread_equal(signals.to, pthread_self()));
  must_become(signals.sent > 3); /* for as long as it does not heed */
  assert_int_equal(signals.settled, 0);
  watchdog_leave(&work.watched);
  assert_int_equal(signals.settled, 1);
  assert_false(is_signalled(slot));
  int sent = signals.sent;
  enter_slice(&work, HOUR, now_ns(), &nobody); /* the next one starts anew */
  must_not_be_asked(&work);
  watchdog_leave(&work.watched);
  assert_int_equal(signals.sent, sent);
  assert_int_equal(signals.settled, 1);
  watchdog_release();
}

static void a_slice_that_does_not_heed_is_sent_a_signal_when_the_thread_slept(void **state)
{
  (void)state;
  struct work work;
  enter_slice(&work, HOUR, now_ns(), &nobody);
  must_not_be_asked(&work);
  watchdog_ask(&work.watched);
  must_become(signals.sent > 0);
  watchdog_leave(&work.watched);
}

static void a_slice_that_heeds_is_sent_no_signal(void **state)
{
  (void)state;
  struct bell gate;
  struct work work;
  hold_the_thread(&gate);
  enter_slice(&work, HOUR, now_ns(), NULL);
  watchdog_ask(&work.watched);
  watchdog_leave(&work.watched);
  let_the_thread_go();
  must_become(thread_sleeps());
  assert_int_equal(signals.sent, 0);
  assert_int_equal(signals.settled, 0);
  watchdog_release();
}

static void a_slice_that_is_over_and_does_not_heed_is_sent_a_signal(void **state)
{
  (void)state;
  const int64_t began[] = {now_ns() - SECOND, 0};
  for (size_t i = 0; i < 2; i++) {
    struct work work;
    signals.sent = signals.settled = 0;
    enter_slice(&work, MS, began[i], NULL);
    must_become(signals.sent > 0);
    watchdog_leave(&work.watched);
    assert_int_equal(signals.settled, 1);
  }
}

/* --- the clock --- */

static void the_clock_is_the_monotonic_one(void **state)
{
  (void)state;
  int64_t before = test_now_ns(), now = now_ns(), after = test_now_ns();
  assert_true(before <= now && now <= after);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_clock_is_the_monotonic_one),
      TEST(a_job_that_overruns_its_slice_is_asked_to_give_way),
      TEST(leaving_takes_the_question_back),
      TEST(a_job_that_does_not_heed_is_asked_again),
      TEST(a_job_within_its_slice_is_left_alone),
      TEST(slices_are_measured_one_by_one_and_not_together),
      TEST(jobs_on_several_threads_are_all_asked),
      TEST(nothing_of_a_job_is_touched_once_it_has_left),
      TEST(the_thread_sleeps_without_a_period_when_nothing_runs),
      TEST(a_job_that_begins_while_the_thread_sleeps_is_asked),
      TEST(a_job_that_begins_at_any_moment_is_asked),
      TEST(a_timer_far_away_does_not_keep_the_thread_awake),
      cmocka_unit_test(the_last_stop_ends_the_thread_and_a_start_makes_a_new_one),
      cmocka_unit_test(starting_fails_when_there_is_no_thread_to_be_had),
      TEST(entering_fails_without_memory_for_a_slot_and_can_be_tried_again),
      TEST(reserving_fails_without_memory_and_can_be_tried_again),
      TEST(a_slice_that_knows_when_it_began_is_asked_when_it_is_over_and_not_before),
      TEST(a_slice_that_is_over_when_it_enters_is_asked),
      TEST(of_several_slices_the_one_that_is_over_first_is_asked_first),
      TEST(a_slice_that_is_alone_is_asked_after_the_longer_time_and_not_before),
      TEST(while_a_slice_is_alone_the_thread_does_not_look),
      TEST(a_slice_that_is_alone_is_asked_when_somebody_comes_to_wait),
      TEST(a_slice_is_not_alone_where_somebody_waits_already),
      TEST(a_slice_that_may_be_longer_by_itself_is_not_shortened),
      TEST(a_slice_that_does_not_know_when_it_began_is_never_alone),
      TEST(a_slice_that_runs_can_be_asked_at_once_on_any_thread),
      TEST(a_slice_of_a_callback_can_be_asked_at_once_too),
      TEST(what_does_not_run_is_not_asked),
      TEST(a_slice_that_begins_while_it_is_asked_is_asked_or_sees_why),
      TEST(the_second_time_a_slice_is_asked_its_thread_is_sent_a_signal),
      TEST(a_slice_that_does_not_heed_is_sent_a_signal_when_the_thread_slept),
      TEST(a_slice_that_heeds_is_sent_no_signal),
      TEST(a_slice_that_is_over_and_does_not_heed_is_sent_a_signal),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
