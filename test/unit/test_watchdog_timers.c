/* Tests of driver/watchdog.c: timers. */
#include "job_fixture.h"
#include "seed.h"
#include "waiting.h"
#include "watchdog_fixture.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static int begin(void **state)
{
  rung.count = 0;
  rung.wait = rung.waits = false;
  return start_watchdog(state);
}

static void a_timer_rings_once_and_not_before_its_time(void **state)
{
  (void)state;
  struct bell bell;
  bell_init(&bell);
  set_bell(&bell, now_ns() + 20 * MS);
  must_become(bell.fired == 1);
  assert_true(bell.fired_at >= bell.wanted_at);
  must_become(thread_sleeps());
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
  set_bell(&bell, 0);
  must_become(bell.fired == 1);
  watchdog_release();
}

static void a_timer_wakes_a_thread_that_sleeps(void **state)
{
  (void)state;
  struct bell bell, far;
  bell_init(&bell);
  bell_init(&far);
  must_become(thread_sleeps());
  set_bell(&bell, now_ns() + MS);
  must_become(bell.fired == 1);
  set_bell(&far, now_ns() + HOUR);
  must_become(thread_sleeps());
  set_bell(&bell, now_ns() + MS); /* before the one that it sleeps for */
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
  set_bell(&bell, 1);
  watchdog_cancel(&bell.timer);
  watchdog_cancel(&bell.timer);
  let_the_thread_go();
  must_become(thread_sleeps());
  assert_int_equal(bell.retained, 0);
  assert_int_equal(bell.fired, 0);
  set_bell(&bell, now_ns());
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
  set_bell(&later, 1);
  set_bell(&later, now_ns() + HOUR);
  set_bell(&sooner, now_ns() + HOUR);
  set_bell(&sooner, 1);
  let_the_thread_go();
  must_become(sooner.fired == 1);
  must_become(thread_sleeps());
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
    set_bell(&bell, now_ns() + (i % 3) * MS / 4);
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
    set_bell(&bells[i], 1 + (int64_t)random_below(&random, 500)); /* many at the same time */
  }
  for (size_t i = 0; i < BELLS; i++) { /* move some, take some out */
    if (random_below(&random, 2) == 0) set_bell(&bells[i], 1 + (int64_t)random_below(&random, 500));
    if (random_below(&random, 4) != 0) continue;
    watchdog_cancel(&bells[i].timer);
    bells[i].wanted_at = -1;
    set_ones--;
  }
  let_the_thread_go();
  must_become(rung.count == set_ones + 1);
  must_become(thread_sleeps());
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
    set_bell(&bells[i], now_ns() + (int64_t)random_below(&random, 50) * MS / 2);
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
  set_bell(&other, now_ns() + HOUR);
  set_bell(&bell, now_ns());
  must_become(bell.fired == 11);
  must_become(other.timer.place == 0);
  must_become(thread_sleeps());
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
    set_bell(&bell, now_ns() + MS);
    must_become(bell.fired == 1);
    watchdog_release();
    watchdog_stop();
  }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, stop_watchdog)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(a_timer_rings_once_and_not_before_its_time),
      TEST(a_timer_in_the_past_rings_at_once),
      TEST(a_timer_wakes_a_thread_that_sleeps),
      TEST(a_timer_that_is_cancelled_does_not_ring),
      TEST(a_timer_that_is_set_again_rings_at_the_new_time_only),
      TEST(a_timer_can_be_set_again_after_it_has_rung),
      TEST(many_timers_ring_in_the_order_of_their_times),
      TEST(timers_at_times_to_come_all_ring_and_none_too_early),
      TEST(a_timer_may_set_and_cancel_timers_while_it_rings),
      TEST(watching_goes_on_while_a_timer_rings_late),
      TEST(a_cancel_that_races_with_the_ring_is_before_it_or_after_it),
      cmocka_unit_test(timers_ring_after_a_new_start),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
