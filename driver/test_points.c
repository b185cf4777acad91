/* See test_points.h. */
#include "test_points.h"

#ifdef RUBEAM_TEST_POINTS

#include "watchdog.h"

#include <endian.h>
#include <stdatomic.h>
#include <string.h>
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

static int control_point(unsigned command, const uint8_t *bytes, size_t length, char *answer)
{
  if (length < 1 || bytes[0] >= TEST_POINTS) return -1;
  enum test_point point = (enum test_point)bytes[0];
  if (command == TEST_COMMAND_HOLD) {
    if (length != 3) return -1;
    test_point_hold(point, (unsigned)(bytes[1] << 8 | bytes[2]));
  }
  *answer = (char)test_point_waiting(point);
  return 1;
}

static int control_fault(const uint8_t *bytes, size_t length)
{
  if (length != 3 || bytes[0] >= TEST_FAULTS) return -1;
  test_fault_set((enum test_fault)bytes[0], (unsigned)(bytes[1] << 8 | bytes[2]));
  return 0;
}

static int put_figures(char *answer)
{
  uint32_t figures[] = {htobe32(test_fault_called()), htobe32((uint32_t)test_fault_live())};
  memcpy(answer, figures, sizeof figures);
  return sizeof figures;
}

int test_points_control(unsigned command, const uint8_t *bytes, size_t length, char *answer)
{
  switch (command) {
  case TEST_COMMAND_HOLD:
  case TEST_COMMAND_WAITING: return control_point(command, bytes, length, answer);
  case TEST_COMMAND_FAULT: return control_fault(bytes, length);
  case TEST_COMMAND_FIGURES: return put_figures(answer);
  default: return -1;
  }
}

#endif

typedef int test_points_are_not_empty; /* C wants a declaration in each file */
