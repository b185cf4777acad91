/* See test_points.h. */
#include "test_points.h"

#ifdef RUBEAM_TEST_POINTS

#include "watchdog.h"

#include <stdatomic.h>
#include <time.h>

static _Atomic unsigned held_ms[TEST_POINTS], waiting[TEST_POINTS];

/* Polls: there is no hurry, and nothing to be left in a wrong state when the VM ends. */
void test_point(enum test_point point)
{
  const struct timespec pause = {.tv_nsec = 200000};
  if (atomic_load(&held_ms[point]) == 0) return;
  int64_t began = now_ns();
  atomic_fetch_add(&waiting[point], 1);
  while (now_ns() - began < (int64_t)atomic_load(&held_ms[point]) * 1000000)
    nanosleep(&pause, NULL);
  atomic_fetch_sub(&waiting[point], 1);
}

void test_point_hold(enum test_point point, unsigned ms) { atomic_store(&held_ms[point], ms); }

unsigned test_point_waiting(enum test_point point) { return atomic_load(&waiting[point]); }

#endif

typedef int test_points_are_not_empty; /* C wants a declaration in each file */
