/* Tests of driver/ruby_open.c: an interpreter that gets no memory, and one beside another. */
#include "job_fixture.h"
#include "ruby_fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MB ((size_t)1 << 20)

static void opening_in_a_heap_that_is_too_small_fails_or_works_and_never_crashes(void **state)
{
  (void)state;
  size_t least = 0;
  for (size_t limit = 4096; limit < 2 * MB && !least; limit += limit / 7) {
    struct session *session = new_session("");
    session->options.memory_limit = limit;
    enum slice_end ended = try_to_open(session, limit);
    if (ended == SLICE_RETURNED && session->opened == STATUS_OK) least = limit;
    if (ended != SLICE_RETURNED) assert_int_equal(ended, SLICE_KILLED);
    close_session(session);
  }
  assert_in_range(least, 100000, 2 * MB);
}

static void an_interpreter_knows_nothing_of_another(void **state)
{
  (void)state;
  struct session *one = open_session(), *two = open_session();
  must_give(one, "$seen = 'ab' =~ /b/; [$seen, $~[0]]", "[1,\"b\"]");
  must_give(two, "[$seen, $~, $LOADED_FEATURES]", "[nil,nil,[]]");
  must_be_text(&two->err, "");
  close_session(two);
  must_give(one, "$~[0]", "\"b\"");
  must_be_usable(one);
  close_session(one);
}

static void the_parts_are_there_at_once(void **state)
{
  (void)state;
  static const char *const codes[] = {"JSON.generate([1])",
                                      "'x'.gsub(/x/, 'y')",
                                      "SystemExit.new(2).status",
                                      "Erlang::Timeout.name",
                                      "Erlang::CallError.superclass.name",
                                      "$LOAD_PATH.size",
                                      "Erlang.respond_to?(:gc)",
                                      "Kernel.respond_to?(:sleep)"};
  static const char *const values[] = {"\"[1]\"",           "\"y\"", "2",    "\"Erlang::Timeout\"",
                                       "\"Erlang::Error\"", "0",     "true", "true"};
  struct session *session = open_session();
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) must_give(session, codes[i], values[i]);
  close_session(session);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_watched_jobs, end_watched_jobs)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(opening_in_a_heap_that_is_too_small_fails_or_works_and_never_crashes),
      TEST(an_interpreter_knows_nothing_of_another),
      TEST(the_parts_are_there_at_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
