/* Tests of driver/watchdog.c.
 *
 * The module is compiled in here, with allocators and a pthread_create that fail when they are told to;
 * the linker then takes these functions and not the library's. No mruby runs: what the watchdog
 * touches of a state is one pointer. */
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

#define calloc(count, bytes)                    test_calloc(count, bytes)
#define realloc(block, bytes)                   test_realloc(block, bytes)
#define pthread_create(thread, attributes, ...) test_pthread_create(thread, attributes, __VA_ARGS__)
#include "watchdog.c"
#undef calloc
#undef realloc
#undef pthread_create

#include "seed.h"
#include "waiting.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000000)
#define MS     INT64_C(1000000)

/* --- a job as the watchdog sees it --- */

struct work {
  struct watched watched;
  mrb_state mrb;
};

static void hook(struct mrb_state *mrb, const struct mrb_irep *irep, const uint8_t *pc, void *data)
{
  (void)mrb;
  (void)irep;
  (void)pc;
  (void)data;
}

static void work_init(struct work *work, int64_t slice_ns)
{
  memset(work, 0, sizeof *work);
  work->watched.mrb = &work->mrb;
  work->watched.hook = hook;
  work->watched.slice_ns = slice_ns;
}

static bool is_asked(struct work *work) { return atomic_load(&work->watched.asked); }

static bool is_hooked(struct work *work)
{
  void *is = __atomic_load_n((void **)(void *)&work->mrb.code_fetch_hook, __ATOMIC_RELAXED);
  void (*wanted)(struct mrb_state *, const struct mrb_irep *, const uint8_t *, void *) = hook;
  return is == *(void **)(void *)&wanted;
}

static void unhook(struct work *work)
{
  __atomic_store_n((void **)(void *)&work->mrb.code_fetch_hook, NULL, __ATOMIC_RELAXED);
}

static int start(void **state)
{
  (void)state;
  system_has.no_memory = system_has.no_threads = false;
  return watchdog_start();
}

static int stop(void **state)
{
  (void)state;
  system_has.no_memory = system_has.no_threads = false;
  watchdog_stop();
  return 0;
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
  work_init(&slow, 3600 * SECOND);
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
    if (asked) assert_true(test_now_ns() - began >= 20 * MS - TICK_NS);
    watchdog_leave(&work.watched);
  }
}

static void *overrun(void *data)
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
    assert_int_equal(pthread_create(&thread[i], NULL, overrun, &work[i]), 0);
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
    work_init(work, TICK_NS); /* asked at the first look */
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

/* How often has the watchdog's thread gone to sleep? -1: it is not there. */
static long switches(void)
{
  long count = -1;
  DIR *tasks = opendir("/proc/self/task");
  if (!tasks) return -1;
  for (struct dirent *entry; (entry = readdir(tasks));) {
    char path[300], line[200] = "";
    (void)snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
    FILE *file = fopen(path, "r");
    if (!file) continue;
    bool ours = fgets(line, sizeof line, file) && strstr(line, "rubeam_watchdog");
    while (ours && fgets(line, sizeof line, file))
      if (sscanf(line, "voluntary_ctxt_switches: %ld", &count) == 1) break;
    (void)fclose(file);
  }
  (void)closedir(tasks);
  return count;
}

/* With nothing to do it ticked 2,000 times a second otherwise. */
static bool sleeps(void)
{
  long before = switches();
  pause_us(50000);
  return switches() == before;
}

static void the_thread_sleeps_without_a_period_when_nothing_runs(void **state)
{
  (void)state;
  assert_true(switches() >= 0);
  must_become(sleeps());
  struct work work;
  work_init(&work, MS);
  assert_int_equal(watchdog_enter(&work.watched), STATUS_OK);
  must_become(is_asked(&work));
  assert_false(sleeps()); /* while a job runs it looks */
  watchdog_leave(&work.watched);
  must_become(sleeps());
}

static void a_job_that_begins_while_the_thread_sleeps_is_asked(void **state)
{
  (void)state;
  struct work work;
  work_init(&work, MS);
  for (int i = 0; i < 3; i++) {
    must_become(sleeps());
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
  watchdog_set(&timer, now_ns() + 3600 * SECOND);
  must_become(sleeps());
  watchdog_cancel(&timer);
  watchdog_release();
}

/* --- starting and stopping --- */

static void the_last_stop_ends_the_thread_and_a_start_makes_a_new_one(void **state)
{
  (void)state;
  struct work work;
  work_init(&work, MS);
  assert_int_equal(switches(), -1);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(watchdog_start(), STATUS_OK);
    assert_int_equal(watchdog_start(), STATUS_OK);
    watchdog_stop();
    assert_true(switches() >= 0);
    unhook(&work);
    assert_int_equal(watchdog_enter(&work.watched), STATUS_OK);
    must_become(is_asked(&work));
    watchdog_leave(&work.watched);
    watchdog_stop();
    assert_int_equal(switches(), -1);
  }
}

static void starting_fails_when_there_is_no_thread_to_be_had(void **state)
{
  (void)state;
  system_has.no_threads = true;
  assert_int_equal(watchdog_start(), STATUS_NO_MEMORY);
  assert_int_equal(switches(), -1);
  system_has.no_threads = false;
  assert_int_equal(watchdog_start(), STATUS_OK);
  assert_true(switches() >= 0);
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

/* --- timers --- */

/* What has rung, in the order in which it did. */
struct bell {
  struct timer timer;
  _Atomic int retained, fired;
  _Atomic int64_t fired_at;
  int64_t wanted_at;
};

static struct {
  struct bell *bells[2000];
  _Atomic size_t count;
  _Atomic bool wait; /* the watchdog's thread waits inside of fire until it is false */
  _Atomic bool waits;
} rung;

static struct bell *bell_of(struct timer *timer) { return (struct bell *)(void *)timer; }

static void note_retain(struct timer *timer) { bell_of(timer)->retained++; }

static void note_fire(struct timer *timer)
{
  struct bell *bell = bell_of(timer);
  bell->fired_at = now_ns();
  if (rung.count < 2000) rung.bells[rung.count] = bell;
  rung.count++;
  bell->fired++;
  while (rung.wait) {
    rung.waits = true;
    pause_us(100);
  }
  rung.waits = false;
}

static void bell_init(struct bell *bell)
{
  memset(bell, 0, sizeof *bell);
  bell->timer.retain = note_retain;
  bell->timer.fire = note_fire;
  assert_int_equal(watchdog_reserve(), STATUS_OK);
}

static void set(struct bell *bell, int64_t at)
{
  bell->wanted_at = at;
  watchdog_set(&bell->timer, at);
}

static int start_silent(void **state)
{
  rung.count = 0;
  rung.wait = rung.waits = false;
  return start(state);
}

/* The watchdog's thread is kept busy inside of a timer's fire: what is set meanwhile rings together. */
static void hold_the_thread(struct bell *bell)
{
  bell_init(bell);
  rung.wait = true;
  set(bell, now_ns());
  must_become(rung.waits);
}

static void let_the_thread_go(void) { rung.wait = false; }

static void a_timer_rings_once_and_not_before_its_time(void **state)
{
  (void)state;
  struct bell bell;
  bell_init(&bell);
  set(&bell, now_ns() + 20 * MS);
  must_become(bell.fired == 1);
  assert_true(bell.fired_at >= bell.wanted_at);
  must_become(sleeps());
  assert_int_equal(bell.fired, 1);
  assert_int_equal(bell.retained, 1);
  assert_int_equal(bell.timer.place, 0);
  watchdog_release();
}

static void a_timer_in_the_past_rings_at_once(void **state)
{
  (void)state;
  struct bell bell;
  bell_init(&bell);
  set(&bell, 0);
  must_become(bell.fired == 1);
  watchdog_release();
}

static void a_timer_wakes_a_thread_that_sleeps(void **state)
{
  (void)state;
  struct bell bell, far;
  bell_init(&bell);
  bell_init(&far);
  must_become(sleeps());
  set(&bell, now_ns() + MS);
  must_become(bell.fired == 1);
  set(&far, now_ns() + 3600 * SECOND);
  must_become(sleeps());
  set(&bell, now_ns() + MS); /* before the one that it sleeps for */
  must_become(bell.fired == 2);
  assert_int_equal(far.fired, 0);
  watchdog_cancel(&far.timer);
  watchdog_release();
  watchdog_release();
}

static void a_timer_that_is_cancelled_does_not_ring(void **state)
{
  (void)state;
  struct bell gate, bell;
  hold_the_thread(&gate);
  bell_init(&bell);
  set(&bell, 1);
  watchdog_cancel(&bell.timer);
  watchdog_cancel(&bell.timer);
  let_the_thread_go();
  must_become(sleeps());
  assert_int_equal(bell.retained, 0);
  assert_int_equal(bell.fired, 0);
  set(&bell, now_ns());
  must_become(bell.fired == 1);
  watchdog_cancel(&bell.timer); /* has rung */
  watchdog_release();
  watchdog_release();
}

static void a_timer_that_is_set_again_rings_at_the_new_time_only(void **state)
{
  (void)state;
  struct bell gate, later, sooner;
  hold_the_thread(&gate);
  bell_init(&later);
  bell_init(&sooner);
  set(&later, 1);
  set(&later, now_ns() + 3600 * SECOND);
  set(&sooner, now_ns() + 3600 * SECOND);
  set(&sooner, 1);
  let_the_thread_go();
  must_become(sooner.fired == 1);
  must_become(sleeps());
  assert_int_equal(later.fired, 0);
  assert_int_equal(sooner.fired, 1);
  watchdog_cancel(&later.timer);
  for (int i = 0; i < 3; i++) watchdog_release();
}

static void a_timer_can_be_set_again_after_it_has_rung(void **state)
{
  (void)state;
  struct bell bell;
  bell_init(&bell);
  for (int i = 1; i <= 20; i++) {
    set(&bell, now_ns() + (i % 3) * MS / 4);
    must_become(bell.fired == i);
  }
  assert_int_equal(bell.retained, 20);
  watchdog_release();
}

static void many_timers_ring_in_the_order_of_their_times(void **state)
{
  (void)state;
  enum { BELLS = 1000 };
  struct random random = random_seeded();
  struct bell gate, *bells = malloc(BELLS * sizeof *bells);
  assert_non_null(bells);
  hold_the_thread(&gate);
  size_t set_ones = BELLS;
  for (size_t i = 0; i < BELLS; i++) {
    bell_init(&bells[i]);
    set(&bells[i], 1 + (int64_t)random_below(&random, 500)); /* many at the same time */
  }
  for (size_t i = 0; i < BELLS; i++) { /* move some, take some out */
    if (random_below(&random, 2) == 0) set(&bells[i], 1 + (int64_t)random_below(&random, 500));
    if (random_below(&random, 4) != 0) continue;
    watchdog_cancel(&bells[i].timer);
    bells[i].wanted_at = -1;
    set_ones--;
  }
  let_the_thread_go();
  must_become(rung.count == set_ones + 1);
  must_become(sleeps());
  assert_int_equal(rung.count, set_ones + 1);
  for (size_t i = 2; i < rung.count; i++)
    assert_true(rung.bells[i - 1]->wanted_at <= rung.bells[i]->wanted_at);
  for (size_t i = 0; i < BELLS; i++) {
    assert_int_equal(bells[i].fired, bells[i].wanted_at < 0 ? 0 : 1);
    assert_int_equal(bells[i].retained, bells[i].fired);
    watchdog_release();
  }
  watchdog_release();
  free(bells);
}

static void timers_at_times_to_come_all_ring_and_none_too_early(void **state)
{
  (void)state;
  enum { BELLS = 300 };
  struct random random = random_seeded();
  struct bell *bells = malloc(BELLS * sizeof *bells);
  assert_non_null(bells);
  for (size_t i = 0; i < BELLS; i++) {
    bell_init(&bells[i]);
    set(&bells[i], now_ns() + (int64_t)random_below(&random, 50) * MS / 2);
  }
  for (size_t i = 0; i < BELLS; i++) {
    must_become(bells[i].fired == 1);
    assert_true(bells[i].fired_at >= bells[i].wanted_at);
    watchdog_release();
  }
  free(bells);
}

static struct bell *chained;

static void set_again_from_fire(struct timer *timer)
{
  if (bell_of(timer)->fired++ < 10) watchdog_set(timer, now_ns());
  watchdog_cancel(&chained->timer);
}

static void a_timer_may_set_and_cancel_timers_while_it_rings(void **state)
{
  (void)state;
  struct bell bell, other;
  bell_init(&bell);
  bell_init(&other);
  chained = &other;
  bell.timer.fire = set_again_from_fire;
  set(&other, now_ns() + 3600 * SECOND);
  set(&bell, now_ns());
  must_become(bell.fired == 11);
  must_become(other.timer.place == 0);
  must_become(sleeps());
  assert_int_equal(bell.fired, 11);
  assert_int_equal(bell.retained, 11);
  watchdog_release();
  watchdog_release();
}

static void watching_goes_on_while_a_timer_rings_late(void **state)
{
  (void)state;
  struct bell gate;
  struct work work;
  hold_the_thread(&gate);
  work_init(&work, MS);
  assert_int_equal(watchdog_enter(&work.watched), STATUS_OK);
  let_the_thread_go();
  must_become(is_asked(&work));
  watchdog_leave(&work.watched);
  watchdog_release();
}

/* After a cancel nothing begins to ring; what had begun ends. */
static void *set_and_cancel(void *data)
{
  struct random *random = data;
  struct bell *bell = calloc(1, sizeof *bell);
  if (!bell) return NULL;
  bell->timer.retain = note_retain;
  bell->timer.fire = note_fire;
  void *result = data;
  for (int i = 0; i < 4000 && result; i++) {
    watchdog_set(&bell->timer, now_ns() + (int64_t)random_below(random, 40) * 1000);
    if (random_below(random, 8) == 0) pause_us((long)random_below(random, 60));
    if (random_below(random, 4) == 0) continue;
    watchdog_cancel(&bell->timer);
    int retained = bell->retained;
    if (random_below(random, 16) == 0) pause_us(100);
    if (bell->retained != retained) result = NULL;
  }
  watchdog_cancel(&bell->timer);
  for (int64_t end = test_now_ns() + WAIT_SECONDS * SECOND; bell->fired != bell->retained;) {
    if (test_now_ns() > end) return NULL;
    pause_us(100);
  }
  /* fire has counted, and touches the bell no more: ASan would see it */
  free(bell);
  return result;
}

static void a_cancel_that_races_with_the_ring_is_before_it_or_after_it(void **state)
{
  (void)state;
  enum { THREADS = 3 };
  struct random random = random_seeded(), each[THREADS];
  pthread_t thread[THREADS];
  for (size_t i = 0; i < THREADS; i++) {
    each[i].state = random_next(&random);
    assert_int_equal(watchdog_reserve(), STATUS_OK);
    assert_int_equal(pthread_create(&thread[i], NULL, set_and_cancel, &each[i]), 0);
  }
  for (size_t i = 0; i < THREADS; i++) {
    void *result = NULL;
    pthread_join(thread[i], &result);
    assert_non_null(result);
    watchdog_release();
  }
}

static void timers_ring_after_a_new_start(void **state)
{
  (void)state;
  for (int i = 0; i < 3; i++) {
    struct bell bell;
    assert_int_equal(watchdog_start(), STATUS_OK);
    bell_init(&bell);
    set(&bell, now_ns() + MS);
    must_become(bell.fired == 1);
    watchdog_release();
    watchdog_stop();
  }
}

static void the_clock_is_the_monotonic_one(void **state)
{
  (void)state;
  int64_t before = test_now_ns(), now = now_ns(), after = test_now_ns();
  assert_true(before <= now && now <= after);
}

#define TEST(name)  cmocka_unit_test_setup_teardown(name, start, stop)
#define TIMER(name) cmocka_unit_test_setup_teardown(name, start_silent, stop)

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
      TIMER(a_timer_rings_once_and_not_before_its_time),
      TIMER(a_timer_in_the_past_rings_at_once),
      TIMER(a_timer_wakes_a_thread_that_sleeps),
      TIMER(a_timer_that_is_cancelled_does_not_ring),
      TIMER(a_timer_that_is_set_again_rings_at_the_new_time_only),
      TIMER(a_timer_can_be_set_again_after_it_has_rung),
      TIMER(many_timers_ring_in_the_order_of_their_times),
      TIMER(timers_at_times_to_come_all_ring_and_none_too_early),
      TIMER(a_timer_may_set_and_cancel_timers_while_it_rings),
      TIMER(watching_goes_on_while_a_timer_rings_late),
      TIMER(a_cancel_that_races_with_the_ring_is_before_it_or_after_it),
      cmocka_unit_test(timers_ring_after_a_new_start),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
