/* Tests of the bindings of an eval: ruby_compile_bind. */
#include "job_fixture.h"
#include "ruby_fixture.h"
#include "sanitizers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void must_give_bound(struct session *session, const char *bindings, const char *code,
                            const char *wanted)
{
  char options[4000], pattern[300];
  (void)snprintf(options, sizeof options, "#{bindings => %s}", bindings);
  (void)snprintf(pattern, sizeof pattern, "{ok,%s}", wanted);
  eval_with(session, code, options);
  must_have_replied(session, code, pattern);
}

static void bindings_are_variables_of_the_session(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give_bound(session, "#{a => 1, b => `two`, `c` => [3, {d, 4}]}", "[a, b, c]",
                  "[1,\"two\",[3,{d,4}]]");
  must_give(session, "a += 1; [a, b]", "[2,\"two\"]");
  must_give_bound(session, "#{a => 7}", "[a, b]", "[7,\"two\"]");
  must_give_bound(session, "#{}", "a", "7");
  must_give(session, "f = lambda { a }; f.call", "7");
  must_give_bound(session, "#{a => nil, snake_Case_9 => true, _x => false}",
                  "[f.call, snake_Case_9, _x]", "[nil,true,false]");
  must_give(session, "def m = local_variables.include?(:a)\nm", "false");
  must_be_usable(session);
  close_session(session);
}

static void a_name_may_be_in_utf8_or_come_as_a_latin1_atom(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give_bound(session, "#{`\xc3\xbc` => 5}", "\xc3\xbc + 1", "6");
  static const uint8_t frame[] = "\x83h\4w\4evala\1m\0\0\0\2\xc3\xbct\0\0\0\1"
                                 "w\x08"
                                 "bindingst\0\0\0\1d\0\1\xfc"
                                 "a\7";
  start_request(session, (struct bytes){(uint8_t *)(uintptr_t)frame, sizeof frame - 1});
  finish_request(session);
  must_have_replied(session, "latin1", "{ok,7}");
  close_session(session);
}

static void the_last_of_two_keys_for_one_name_wins(void **state)
{
  (void)state;
  struct session *session = open_session();
  for (int i = 0; i < 3; i++) must_give_bound(session, "#{a => 1, `a` => 2}", "a", "2");
  must_give(session, "local_variables.count(:a)", "1");
  close_session(session);
}

static void text_that_comes_again_sees_the_new_values(void **state)
{
  (void)state;
  struct session *session = open_session();
  char bindings[40], wanted[20];
  for (int i = 0; i < 10; i++) {
    (void)snprintf(bindings, sizeof bindings, "#{x => %d, y => %d}", i, 2 * i);
    (void)snprintf(wanted, sizeof wanted, "%d", 3 * i);
    must_give_bound(session, bindings, "x + y", wanted);
  }
  assert_true(session->ruby.compiler.cache.hits >= 8);
  close_session(session);
}

static void values_without_a_form_in_ruby_change_nothing(void **state)
{
  (void)state;
  struct session *session = open_session_with("max_depth=3");
  must_give(session, "a = 1", "1");
  eval_with(session, "$ran = 1", "#{bindings => #{a => 2, b => [[[[[[1]]]]]]}}");
  must_have_raised(session, "too deep", "Erlang::TermError", "*");
  must_give(session, "[a, local_variables.include?(:b), $ran]", "[1,false,nil]");
  close_session(session);
}

static void more_bindings_than_a_session_may_have_are_an_error_and_change_nothing(void **state)
{
  (void)state;
  struct session *session = open_session();
  for (int count = 235; count <= REQUEST_BINDINGS; count += 5) {
    char options[8000] = "#{bindings => #{";
    size_t length = strlen(options);
    for (int i = 0; i < count; i++)
      length += (size_t)snprintf(options + length, sizeof options - length, "%sv%d => %d",
                                 i ? ", " : "", i, i);
    (void)snprintf(options + length, sizeof options - length, "}}");
    eval_with(session, "v0 + v234", options);
    if (count < REQUEST_BINDINGS)
      must_have_replied(session, "many", "{ok,234}");
    else
      must_have_replied(session, "too many",
                        "{error,#{class=>\"RuntimeError\",message=>\"*too many local*\"*}}");
  }
  must_give(session, "v1 + 0", "1");
  must_be_usable(session);
  close_session(session);
}

static void whatever_memory_is_missing_bindings_are_all_or_none(void **state)
{
  (void)state;
  struct session *session = open_session_with("memory_limit=3000000");
  must_give(session, "a = b = 0", "0");
  for (int i = 0; i < 30; i++) {
    char code[100];
    (void)snprintf(code, sizeof code, "$full = []; $full << 'x' * %d while true", 500 + 37 * i);
    eval(session, code);
    eval_with(session, "1", "#{bindings => #{a => 1, b => 1, c => `a text that takes some room`}}");
    bool bound = session->outcome == OUTCOME_OK;
    must_give(session, "$full = nil; GC.start; a == b && (a == 1) == local_variables.include?(:c)",
              "true");
    if (bound) must_give(session, "a", "1");
    must_give(session, "a = b = 0", "0");
    if (bound) break;
  }
  must_be_usable(session);
  close_session(session);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_jobs, end_jobs)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(bindings_are_variables_of_the_session),
      TEST(a_name_may_be_in_utf8_or_come_as_a_latin1_atom),
      TEST(the_last_of_two_keys_for_one_name_wins),
      TEST(text_that_comes_again_sees_the_new_values),
      TEST(values_without_a_form_in_ruby_change_nothing),
      TEST(more_bindings_than_a_session_may_have_are_an_error_and_change_nothing),
      TEST(whatever_memory_is_missing_bindings_are_all_or_none),
  };
  return cmocka_run_group_tests(tests, start_watchdog, stop_watchdog);
}
