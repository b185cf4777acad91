/* The seed of a test with random input: printed, so that a failure can be had again with
 * RUBEAM_SEED=… in the environment. */
#ifndef RUBEAM_TEST_SEED_H
#define RUBEAM_TEST_SEED_H

#include "random_terms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static inline struct random random_seeded(void)
{
  const char *given = getenv("RUBEAM_SEED");
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  struct random random = {given ? strtoull(given, NULL, 10)
                                : (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000};
  print_message("RUBEAM_SEED=%llu\n", (unsigned long long)random.state);
  return random;
}

#endif
