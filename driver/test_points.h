/* Points where a test can hold a thread, so that a job stands still in a phase that is over in a
 * moment otherwise; and faults that a test can have come from below. Only in a build with
 * -DRUBEAM_TEST_POINTS (VARIANT=points); in all others they are nothing.
 *
 * A thread that comes to a held point waits there until it is let go, or for `ms` milliseconds. No
 * lock is held at any of them. Any thread. (There is none for INLINE: that would hold a scheduler,
 * and with it processes and timers of the test.)
 */
#ifndef RUBEAM_TEST_POINTS_H
#define RUBEAM_TEST_POINTS_H

#include <stddef.h>
#include <stdint.h>

enum test_point {
  POINT_READY,    /* a thread is about to take a task from the pool */
  POINT_POOL,     /* a job is in POOL; its slice begins now */
  POINT_REPLYING, /* an answer is about to be sent, not by a callback */
  TEST_POINTS
};

void test_point(enum test_point point);

/* From now on threads wait at the point, each for at most `ms`; 0 lets all go. */
void test_point_hold(enum test_point point, unsigned ms);

/* How many threads wait there. */
unsigned test_point_waiting(enum test_point point);

/* What may fail: test/points/faults.c. */
enum test_fault {
  FAULT_NONE,
  FAULT_MEMORY,        /* malloc, calloc, realloc, driver_alloc, driver_alloc_binary */
  FAULT_MAPPING,       /* mmap, mprotect, sigaltstack */
  FAULT_THREAD,        /* pthread_create */
  FAULT_RECEIVER_GONE, /* erl_drv_send_term says 0 */
  FAULT_SENDER_GONE,   /* erl_drv_send_term says -1 */
  FAULT_OUTPUT,        /* erl_drv_output_term says -1 */
  FAULT_CALLER_GONE,   /* driver_monitor_process says 1 */
  TEST_FAULTS
};

/* The n-th call from now on of this kind fails; 0: none does. */
void test_fault_set(enum test_fault kind, unsigned nth);

/* How many of that kind there have been since. */
unsigned test_fault_called(void);

/* Blocks of malloc that the driver holds. */
int test_fault_live(void);

/* Commands of port_control, by which a test does all this from Erlang. */
enum test_command {
  TEST_COMMAND_HOLD = 0x52420101,    /* <<Point, Ms:16>>; answers like the next */
  TEST_COMMAND_WAITING = 0x52420102, /* <<Point>>; answers <<How many threads wait there>> */
  TEST_COMMAND_FAULT = 0x52420103,   /* <<Fault, Nth:16>>; answers nothing */
  TEST_COMMAND_FIGURES = 0x52420104  /* answers <<Calls of its kind:32, Blocks of malloc:32>> */
};

#ifdef RUBEAM_TEST_POINTS

/* Writes the answer, of at most 8 bytes, and returns its length; negative if this is none of the
 * commands above, or a wrong one. */
int test_points_control(unsigned command, const uint8_t *bytes, size_t length, char *answer);

#define TEST_POINT(point) test_point(point)

/* Where a lock is held that others need. */
#define TEST_POINT_UNLOCKED(point, lock)                                                           \
  do {                                                                                             \
    pthread_mutex_unlock(lock);                                                                    \
    test_point(point);                                                                             \
    pthread_mutex_lock(lock);                                                                      \
  } while (0)

#else

#define TEST_POINT(point)                ((void)0)
#define TEST_POINT_UNLOCKED(point, lock) ((void)0)

#endif

#endif
