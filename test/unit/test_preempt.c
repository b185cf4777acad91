/* Signals to a thread that the system does not let run. What they do to jobs is tested with the slices
 * (test_slice.c) and in the VM (preempt_SUITE). */
#include "preempt.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* After the others: it needs them. */
#include <cmocka.h>

/* Signals that are queued for the processes of this user: see proc(5). */
static long queued_signals(void)
{
  char line[200];
  long queued = -1;
  FILE *file = fopen("/proc/self/status", "r");
  assert_non_null(file);
  while (fgets(line, sizeof line, file))
    if (sscanf(line, "SigQ: %ld/", &queued) == 1) break;
  assert_int_equal(fclose(file), 0);
  return queued;
}

/* Each takes more than a kilobyte of the stack that it finds: a few hundred would use up that of a
 * thread of the VM. */
static void a_thread_that_does_not_run_gathers_no_signals(void **state)
{
  (void)state;
  struct preempt_target target;
  sigset_t all, before;
  preempt_install();
  preempt_enter_thread(&target);
  for (int round = 0; round < 3; round++) {
    sigfillset(&all);
    assert_int_equal(pthread_sigmask(SIG_BLOCK, &all, &before), 0);
    long least = queued_signals();
    for (int i = 0; i < 500; i++) preempt_thread(&target);
    /* Other processes of the user have some, too. */
    assert_true(queued_signals() - least < 100);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
    preempt_settle(&target);
    assert_false(target.on_its_way);
  }
  preempt_remove();
}

/* The handler says when it is done, so that the next one is sent. */
static void a_signal_that_has_come_makes_room_for_the_next(void **state)
{
  (void)state;
  struct preempt_target target;
  preempt_install();
  preempt_enter_thread(&target);
  for (int i = 0; i < 5; i++) {
    preempt_thread(&target); /* to this thread itself: it comes before the call is over */
    assert_false(target.on_its_way);
  }
  preempt_remove();
  preempt_thread(&target);
  assert_false(target.on_its_way);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_thread_that_does_not_run_gathers_no_signals),
      cmocka_unit_test(a_signal_that_has_come_makes_room_for_the_next),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
