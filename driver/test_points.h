/* Points where a test can hold a thread, so that a job stands still in a phase that is over in a
 * moment otherwise. Only in a build with -DRUBEAM_TEST_POINTS (VARIANT=points); in all others they
 * are nothing.
 *
 * A thread that comes to a held point waits there until it is let go, or for `ms` milliseconds. No
 * lock is held at any of them. Any thread. (There is none for INLINE: that would hold a scheduler,
 * and with it processes and timers of the test.)
 */
#ifndef RUBEAM_TEST_POINTS_H
#define RUBEAM_TEST_POINTS_H

enum test_point {
  POINT_READY,    /* a thread is about to take a task from the pool */
  POINT_POOL,     /* a job is in POOL; its slice begins now */
  POINT_REPLYING, /* an answer is about to be sent, not by a callback */
  TEST_POINTS
};

#ifdef RUBEAM_TEST_POINTS

void test_point(enum test_point point);

/* From now on threads wait at the point, each for at most `ms`; 0 lets all go. */
void test_point_hold(enum test_point point, unsigned ms);

/* How many threads wait there. */
unsigned test_point_waiting(enum test_point point);

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
