/* Waiting for what other threads do. No test asserts how long anything takes: it waits for a
 * condition, and only a wait that is hopelessly long is a failure. */
#ifndef RUBEAM_TEST_WAITING_H
#define RUBEAM_TEST_WAITING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#define WAIT_SECONDS 120 /* under valgrind, on a busy machine */

static inline int64_t test_now_ns(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline void pause_us(long us)
{
  struct timespec t = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
  nanosleep(&t, NULL);
}

#define must_become(condition)                                                                     \
  do {                                                                                             \
    int64_t give_up_at = test_now_ns() + (int64_t)WAIT_SECONDS * 1000000000;                       \
    while (!(condition)) {                                                                         \
      if (test_now_ns() > give_up_at) fail_msg("never became true: %s", #condition);               \
      pause_us(100);                                                                               \
    }                                                                                              \
  } while (0)

#endif
