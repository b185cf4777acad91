/* Tests of driver/stdio_guard.c and of slice_say: what mruby prints on a job is kept with it. */
#include "job_fixture.h"
#include "sanitizers.h"
#include "slice_fixture.h"
#include "terms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void must_have_said(struct world *world, const char *pattern)
{
  char said[sizeof world->slice.said + 1];
  memcpy(said, world->slice.said, world->slice.said_length);
  said[world->slice.said_length] = '\0';
  world->slice.said_length = 0;
  must_be_like(said, pattern);
}

static void what_mruby_writes_to_stderr_is_kept(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, NOT_ASKED, 3);
  job_must_raise(world, "yield", "*");
  must_have_said(world, "*t:1:*yield*\n");
  job_must_raise(world, "x = 1\nx +* 2", "*");
  must_have_said(world, "*2:*syntax error*\n");
  job_must_give(world, "1", "1");
  must_have_said(world, "");
  close_world(world);
}

static void what_does_not_fit_of_it_is_cut_off(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, NOT_ASKED, 3);
  for (int i = 0; i < 40; i++) job_must_raise(world, "yield", "*");
  assert_int_equal(world->slice.said_length, sizeof world->slice.said);
  slice_say(&world->slice, "more", 4);
  assert_int_equal(world->slice.said_length, sizeof world->slice.said);
  world->slice.said_length = sizeof world->slice.said - 2;
  slice_say(&world->slice, "more", 4);
  assert_int_equal(world->slice.said_length, sizeof world->slice.said);
  assert_memory_equal(world->slice.said + sizeof world->slice.said - 2, "mo", 2);
  close_world(world);
}

/* The functions of stdio that the link sends to stdio_guard.c, each as C code on a job calls it. */
static void print_in_every_way(void *data)
{
  (void)data;
  static char large[700];
  memset(large, 'z', sizeof large - 1);
  assert_int_equal(fprintf(stderr, "%d%s", 12, "ab"), 4);
  assert_true(fputs("cd", stdout) >= 0);
  assert_int_equal(fputc('e', stderr), 'e');
  assert_int_equal((putc)('f', stderr), 'f');
  assert_int_equal(fwrite("ghij", 2, 2, stderr), 2);
  assert_int_equal(fprintf(stderr, "%s", large), 699);
}

static void every_way_to_print_is_caught_on_a_job(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, NOT_ASKED, 3);
  slice_ready(&world->slice);
  assert_int_equal(slice_start(&world->slice, print_in_every_way, NULL), STATUS_OK);
  assert_int_equal(run_slice(world), SLICE_RETURNED);
  assert_memory_equal(world->slice.said, "12abcdefghij", 12);
  must_have_said(world, "12abcdefghijzzz*z");
  close_world(world);
}

static void outside_of_a_job_it_goes_nowhere(void **state)
{
  (void)state;
  print_in_every_way(NULL); /* into the test's output, if it were not for the guard */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_watched_jobs, end_watched_jobs)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(what_mruby_writes_to_stderr_is_kept),
      TEST(what_does_not_fit_of_it_is_cut_off),
      TEST(every_way_to_print_is_caught_on_a_job),
      TEST(outside_of_a_job_it_goes_nowhere),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
