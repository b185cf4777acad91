/* Tests of driver/ruby_cache.c and of ruby_compile.c, which asks it: a text that comes again means
 * the same as if it were compiled anew. */
#include "job_fixture.h"
#include "ruby_fixture.h"
#include "sanitizers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static unsigned kept(struct session *session) { return session->ruby.compiler.cache.kept; }
static uint64_t hits(struct session *session) { return session->ruby.compiler.cache.hits; }

/* So often that the last times nothing is compiled. */
static void must_give_again(struct session *session, const char *code, const char *wanted)
{
  for (int i = 0; i < 4; i++) must_give(session, code, wanted);
}

static void a_text_is_kept_the_second_time_and_compiled_no_more(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session, "1 + 2", "3");
  assert_int_equal(kept(session), 0);
  must_give(session, "1 + 2", "3");
  assert_int_equal(kept(session), 1);
  assert_int_equal(hits(session), 0);
  must_give(session, "1 + 2", "3");
  must_give(session, "1 + 2", "3");
  assert_int_equal(hits(session), 2);
  must_give_again(session, "1 + 3", "4");
  must_give_again(session, "", "nil");
  must_give_again(session, "1 + 2", "3");
  assert_int_equal(kept(session), 3);
  close_session(session);
}

static void each_run_has_strings_blocks_and_methods_of_its_own(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give_again(session, "$s = 'a'; $s << 'b'; $s", "\"ab\"");
  must_give_again(session, "[1, 2].map { |x| lambda { x += 1 } }.map { |f| f.call; f.call }",
                  "[3,4]");
  must_give_again(session, "def m(a = []) = a << 1\nm", "[1]");
  must_give_again(session, "Class.new { def x = @x = (@x || 0) + 1 }.new.x", "1");
  must_give_again(session, "proc { |n = 5| n }.call", "5");
  must_give(session, "procs = []", "[]");
  must_give_again(session, "procs << lambda { |y| y + procs.size }; procs[0].call(1) - procs.size",
                  "1");
  must_give(session, "procs.map { |f| f.object_id }.uniq.size", "4");
  must_give_again(session, "begin; raise 'no'; rescue => e; e.message; end", "\"no\"");
  must_give_again(session, "[1, 2, 3].each { |x| break x if x == 2 }", "2");
  close_session(session);
}

static void a_variable_that_came_in_between_is_seen(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session, "def late = 'method'", "late");
  must_give_again(session, "late", "\"method\"");
  must_give(session, "late = 'variable'", "\"variable\"");
  must_give_again(session, "late", "\"variable\"");
  must_give(session, "late = 'changed'", "\"changed\"");
  must_give(session, "late", "\"changed\"");
  must_give_again(session, "counted = (counted || 0) + 1; 7", "7");
  must_give(session, "counted", "4");
  close_session(session);
}

static void the_file_and_the_line_belong_to_a_text(void **state)
{
  (void)state;
  struct session *session = open_session();
  for (int i = 0; i < 4; i++) {
    eval_with(session, "[__FILE__, __LINE__]", "#{file => `a.rb`, line => 7}");
    must_have_replied(session, "a.rb", "{ok,[\"a.rb\",7]}");
    eval_with(session, "[__FILE__, __LINE__]", "#{file => `a.rb`, line => 8}");
    must_have_replied(session, "line 8", "{ok,[\"a.rb\",8]}");
    eval_with(session, "[__FILE__, __LINE__]", "#{file => `b.rb`, line => 7}");
    must_have_replied(session, "b.rb", "{ok,[\"b.rb\",7]}");
    must_give(session, "[__FILE__, __LINE__]", "[\"(eval)\",1]");
    /* The same bytes, divided in another way */
    eval_with(session, "__FILE__#", "#{file => `b`}");
    must_have_replied(session, "b", "{ok,\"b\"}");
    eval_with(session, "__FILE__", "#{file => `#b`}");
    must_have_replied(session, "#b", "{ok,\"#b\"}");
    eval_with(session, "\n\nraise 'no'", "#{file => `c.rb`, line => 5}");
    must_have_replied(session, "c.rb", "{error,#{*backtrace=>[\"c.rb:7\"]}}");
  }
  close_session(session);
}

static void what_is_wrong_is_said_each_time(void **state)
{
  (void)state;
  struct session *session = open_session();
  for (int i = 0; i < 4; i++) {
    must_raise(session, "1 +", "SyntaxError", "*");
    must_raise(session, "1\nyield", "SyntaxError", "*yield*");
    must_raise(session, "no_such_name", "NoMethodError", "*");
    must_raise(session, "break", "*Error", "*");
  }
  must_be_usable(session);
  close_session(session);
}

static void more_texts_than_places_are_right_all_the_same(void **state)
{
  (void)state;
  struct session *session = open_session();
  char code[32], wanted[32];
  for (int round = 0; round < 3; round++)
    for (int i = 0; i < 3 * RUBY_CACHE_PLACES; i++)
      for (int times = 0; times < 3; times++) {
        (void)snprintf(code, sizeof code, "%d * 2", i);
        (void)snprintf(wanted, sizeof wanted, "%d", 2 * i);
        must_give(session, code, wanted);
        assert_in_range(kept(session), 0, RUBY_CACHE_PLACES);
      }
  must_give(session, "GC.start; 1", "1");
  assert_int_equal(kept(session), RUBY_CACHE_PLACES);
  assert_true(heap_check(session->heap));
  close_session(session);
}

static void what_is_replaced_is_freed(void **state)
{
  (void)state;
  struct session *session = open_session();
  char code[1000];
  size_t used = 0;
  memset(code, ' ', sizeof code);
  code[sizeof code - 1] = '\0';
  for (int i = 0; i < 1000; i++) {
    int length = snprintf(code, sizeof code, "%d", i);
    code[length] = ' ';
    eval(session, code);
    eval(session, code);
    if (i == 200) used = heap_used(session->heap);
  }
  assert_int_equal(kept(session), RUBY_CACHE_PLACES);
  must_give(session, "GC.start; 1", "1");
  assert_in_range(heap_used(session->heap), 0, used + 100000);
  close_session(session);
}

static void a_long_text_is_not_kept(void **state)
{
  (void)state;
  struct session *session = open_session();
  char code[RUBY_CACHE_BYTES + 2];
  memset(code, ' ', sizeof code);
  code[sizeof code - 1] = '\0';
  memcpy(code, "5", 1);
  for (int i = 0; i < 3; i++) must_give(session, code, "5");
  assert_int_equal(kept(session), 0);
  code[RUBY_CACHE_BYTES] = '\0';
  for (int i = 0; i < 3; i++) must_give(session, code, "5");
  assert_int_equal(kept(session), 1);
  close_session(session);
}

static void what_is_kept_lives_while_garbage_goes(void **state)
{
  (void)state;
  struct session *session = open_session();
  static const char code[] = "[['a'].map { |x| x + 'b' }, {'c' => 1}]";
  for (int i = 0; i < 20; i++) {
    must_give(session, code, "[[\"ab\"],#{\"c\"=>1}]");
    must_give(session, "GC.start; 10_000.times { |n| \"#{n}\" }; 1", "1");
  }
  assert_int_equal(kept(session), 2);
  close_session(session);
}

static void while_memory_is_scarce_nothing_is_kept(void **state)
{
  (void)state;
  struct session *session = open_session_with("memory_limit=4000000");
  must_give_again(session, "1 + 2", "3");
  assert_int_equal(kept(session), 1);
  must_give(session, "$much = 'x' * 2_500_000; 1", "1");
  must_give(session, "3 + 4", "7");
  assert_int_equal(kept(session), 0);
  must_give_again(session, "1 + 2", "3");
  assert_int_equal(kept(session), 0);
  must_give(session, "$much = nil; GC.start; 1", "1");
  must_give_again(session, "1 + 2", "3");
  assert_int_equal(kept(session), 1);
  assert_true(heap_check(session->heap));
  close_session(session);
}

static void ruby_code_does_not_find_what_is_kept(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give_again(session, "1 + 2", "3");
  must_give(session, "ObjectSpace.each_object(Array) { |a| a.clear unless a.frozen? }; 1", "1");
  must_give(session, "global_variables.reject { |name| name.to_s[0] == '$' }", "[]");
  must_give(session, "global_variables.include?(:$stdout)", "true");
  must_give(session, "GC.start; 10_000.times { |n| \"#{n}\" }; 1", "1");
  must_give_again(session, "1 + 2", "3");
  close_session(session);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_jobs, end_jobs)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(a_text_is_kept_the_second_time_and_compiled_no_more),
      TEST(each_run_has_strings_blocks_and_methods_of_its_own),
      TEST(a_variable_that_came_in_between_is_seen),
      TEST(the_file_and_the_line_belong_to_a_text),
      TEST(what_is_wrong_is_said_each_time),
      TEST(more_texts_than_places_are_right_all_the_same),
      TEST(what_is_replaced_is_freed),
      TEST(a_long_text_is_not_kept),
      TEST(what_is_kept_lives_while_garbage_goes),
      TEST(while_memory_is_scarce_nothing_is_kept),
      TEST(ruby_code_does_not_find_what_is_kept),
  };
  return cmocka_run_group_tests(tests, start_watchdog, stop_watchdog);
}
