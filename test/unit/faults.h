/* The handler for stack overflows, in tests that run jobs. cmocka puts handlers of its own in place
 * before each test and each fixture, so that ours is installed anew by each test. */
#ifndef RUBEAM_TEST_FAULTS_H
#define RUBEAM_TEST_FAULTS_H

#include "fault.h"

#include <signal.h>
#include <stddef.h>

/* On the default action, so that fault.c does not take cmocka's handler for one that calls ours. */
static inline void install_fault_handler(void)
{
  (void)signal(SIGSEGV, SIG_DFL);
  if (!fault_remove()) (void)signal(SIGSEGV, SIG_DFL);
  fault_install();
}

#endif
