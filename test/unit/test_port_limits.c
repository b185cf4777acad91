/* Tests of driver/port_limits.c. Limits are set in a process that is forked for it. */
#include "port_limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void a_word_names_a_limit_and_a_number(void **state)
{
  (void)state;
  static const char *const words[PORT_LIMITS] = {"rlimit_as=0", "rlimit_cpu=1", "rlimit_nofile=64",
                                                 "rlimit_fsize=18446744073709551615"};
  static const uint64_t values[PORT_LIMITS] = {0, 1, 64, UINT64_MAX};
  struct port_limits limits = {{false}, {0}};
  for (int i = 0; i < PORT_LIMITS; i++) {
    assert_false(limits.given[i]);
    assert_int_equal(port_limits_take(&limits, words[i]), PORT_LIMITS_TAKEN);
    assert_true(limits.given[i]);
    assert_true(limits.value[i] == values[i]);
  }
  assert_int_equal(port_limits_take(&limits, "rlimit_cpu=7"), PORT_LIMITS_TAKEN);
  assert_true(limits.value[1] == 7); /* the last one counts */
}

static void another_limit_or_number_is_refused_and_changes_nothing(void **state)
{
  (void)state;
  static const char *const words[] = {
      "rlimit_",      "rlimit_=1",     "rlimit_as",    "rlimit_as=",
      "rlimit_as=x",  "rlimit_as=-1",  "rlimit_as=1x", "rlimit_as= 1",
      "rlimit_as=+1", "rlimit_as=0x1", "rlimit_asx=1", "rlimit_nproc=1",
      "rlimit_AS=1",  "rlimit_a=1",    "rlimit_as=1.", "rlimit_as=18446744073709551616",
  };
  struct port_limits limits = {{false}, {0}};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    assert_int_equal(port_limits_take(&limits, words[i]), PORT_LIMITS_BAD);
  for (int i = 0; i < PORT_LIMITS; i++) assert_false(limits.given[i]);
}

static void other_words_are_left_to_others(void **state)
{
  (void)state;
  static const char *const words[] = {"", "rlimit", "as=1", "timeout=5", "xrlimit_as=1", "stdio"};
  struct port_limits limits = {{false}, {0}};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    assert_int_equal(port_limits_take(&limits, words[i]), PORT_LIMITS_OTHER);
}

/* In another process: what became of it. (Not of the limit of files, of which valgrind has some itself.) */
static int status_of(int (*body)(void))
{
  int status;
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) _exit(body());
  assert_int_equal(waitpid(child, &status, 0), child);
  return status;
}

static bool is(struct rlimit limit, rlim_t soft, rlim_t hard)
{
  return limit.rlim_cur == soft && limit.rlim_max == hard;
}

/* A function for each, since the type of RLIMIT_… is glibc's own. */
static struct rlimit size_limit(void)
{
  struct rlimit limit = {0, 0};
  (void)getrlimit(RLIMIT_FSIZE, &limit);
  return limit;
}

static struct rlimit time_limit(void)
{
  struct rlimit limit = {0, 0};
  (void)getrlimit(RLIMIT_CPU, &limit);
  return limit;
}

static struct rlimit core_limit(void)
{
  struct rlimit limit = {1, 1};
  (void)getrlimit(RLIMIT_CORE, &limit);
  return limit;
}

static int set_some(void)
{
  struct rlimit before, after;
  struct port_limits limits = {{false}, {0}};
  (void)getrlimit(RLIMIT_NOFILE, &before);
  if (port_limits_take(&limits, "rlimit_fsize=30000") != PORT_LIMITS_TAKEN) return 1;
  if (port_limits_take(&limits, "rlimit_cpu=100") != PORT_LIMITS_TAKEN) return 2;
  if (port_limits_set(&limits) != NULL) return 3;
  if (!is(size_limit(), 30000, 30000) || !is(time_limit(), 100, 101) || !is(core_limit(), 0, 0))
    return 4;
  (void)getrlimit(RLIMIT_NOFILE, &after);
  if (before.rlim_cur != after.rlim_cur || before.rlim_max != after.rlim_max) return 5;
  /* Down, but not up again; the same once more is no change. */
  limits.value[1] = 101;
  if (port_limits_set(&limits) != NULL || !is(time_limit(), 101, 101)) return 6;
  return 0;
}

static void those_that_are_given_are_set_and_no_core_is_left(void **state)
{
  (void)state;
  assert_int_equal(status_of(set_some), 0);
}

static int set_more_than_allowed(void)
{
  struct port_limits limits = {{false}, {0}};
  const struct rlimit least = {20000, 20000};
  if (setrlimit(RLIMIT_FSIZE, &least)) return 1;
  if (port_limits_take(&limits, "rlimit_fsize=18446744073709551614") != PORT_LIMITS_TAKEN) return 2;
  const char *why = port_limits_set(&limits);
  return why && strlen(why) > 0 ? 0 : 3;
}

static void what_the_system_does_not_allow_is_told(void **state)
{
  (void)state;
  assert_int_equal(status_of(set_more_than_allowed), 0);
}

static int spin(void)
{
  struct port_limits limits = {{false}, {0}};
  if (port_limits_take(&limits, "rlimit_cpu=1") != PORT_LIMITS_TAKEN) return 1;
  if (port_limits_set(&limits)) return 2;
  for (volatile unsigned i = 0;; i++) {
  }
}

static void who_has_used_up_its_time_is_told_so_by_the_signal(void **state)
{
  (void)state;
  int status = status_of(spin);
  assert_true(WIFSIGNALED(status));
  assert_int_equal(WTERMSIG(status), SIGXCPU);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_word_names_a_limit_and_a_number),
      cmocka_unit_test(another_limit_or_number_is_refused_and_changes_nothing),
      cmocka_unit_test(other_words_are_left_to_others),
      cmocka_unit_test(those_that_are_given_are_set_and_no_core_is_left),
      cmocka_unit_test(what_the_system_does_not_allow_is_told),
      cmocka_unit_test(who_has_used_up_its_time_is_told_so_by_the_signal),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
