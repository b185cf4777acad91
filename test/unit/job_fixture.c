/* What tests that run jobs have around them: see job_fixture.h. */
#include "job_fixture.h"

#include "coroutine.h"
#include "watchdog.h"

#include <stddef.h>

static size_t stacks_before;

static size_t stacks_in_use(void)
{
  struct coroutine_figures figures = coroutine_pool_figures();
  return figures.mapped - figures.pooled;
}

int start_watchdog(void **state)
{
  (void)state;
  return watchdog_start() == STATUS_OK ? 0 : -1;
}

int stop_watchdog(void **state)
{
  (void)state;
  watchdog_stop();
  return 0;
}

int begin_jobs(void **state)
{
  (void)state;
  stacks_before = stacks_in_use();
  return 0;
}

int end_jobs(void **state)
{
  (void)state;
  return stacks_in_use() == stacks_before ? 0 : -1;
}

int begin_watched_jobs(void **state)
{
  (void)begin_jobs(state);
  return start_watchdog(state);
}

int end_watched_jobs(void **state)
{
  int left = end_jobs(state);
  (void)stop_watchdog(state);
  return left;
}
