/* Tests of driver/ruby_json*.c. That results are those of Ruby's own json is json_SUITE's business; here is
 * what that can't compare, and what must hold inside of the driver. */
#include "job_fixture.h"
#include "ruby_fixture.h"
#include "ruby_json_write.h"
#include "sanitizers.h"
#include "waiting.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- parse --- */

static void texts_become_values(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session, "JSON.parse('[1,-2,2.5,\"a\",null,true,false,[],{}]')",
            "[1,-2,2.5,\"a\",nil,true,false,[],#{}]");
  must_give(session, "JSON.parse('{\"a\":{\"b\":[1]}}')", "#{\"a\"=>#{\"b\"=>[1]}}");
  must_give(session, "JSON.parse('{\"a\":1}', symbolize_names: true).keys", "[a]");
  must_give(session, "JSON.parse('7')", "7");
  close_session(session);
}

static void numbers_keep_every_digit(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session,
            "[2**62, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 10**40, -2**63, -2**63 - 1, -10**40]"
            ".all? { |n| JSON.parse(n.to_s).to_s == n.to_s }",
            "true");
  must_give(session, "(1..400).all? { |n| JSON.parse('9' * n) == 10**n - 1 }", "true");
  must_give(session, "(1..400).all? { |n| JSON.parse('-1' + '0' * n) == -10**n }", "true");
  must_give(session, "JSON.parse('1e400') == JSON::Infinity", "true");
  must_give(session, "JSON.parse('-1e400') == JSON::MinusInfinity", "true");
  must_give(session, "1 / JSON.parse('-0.0') < 0", "true");
  close_session(session);
}

static void the_error_names_what_is_wrong(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_raise(session, "JSON.parse('[1 2]')", "JSON::ParserError", "unexpected token at '2]'");
  must_raise(session, "JSON.parse('{\"a\":Infinity}')", "JSON::ParserError",
             "unexpected token at 'Infinity}'"); /* where Ruby's own is off */
  must_raise(session, "JSON.parse('[' * 102)", "JSON::NestingError", "nesting of 101 is too deep");
  must_raise(session, "JSON.parse(nil)", "TypeError", "no implicit conversion of nil into String");
  /* Stricter than Ruby 3.1's, as later ones are */
  must_raise(session, "JSON.parse('[\"\\\\q\"]')", "JSON::ParserError",
             "unexpected token at '\\x22\\x5Cq\\x22]'");
  must_raise(session, "JSON.parse('[\"\\\\udc00\"]')", "JSON::ParserError", "*");
  close_session(session);
}

static void the_text_in_an_error_is_cut(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session,
            "begin; JSON.parse('[x' + 'é' * 1_000_000); rescue JSON::ParserError => e; "
            "[e.message.bytesize <= 33_000, e.message.end_with?(\"é'\")]; end",
            "[true,true]");
  close_session(session);
}

static void options_that_are_not_there_are_refused(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_raise(session, "JSON.parse('1', create_additions: true)", "ArgumentError",
             "create_additions is not supported");
  must_raise(session, "JSON.parse('1', object_class: Hash)", "ArgumentError", "*");
  must_give(session, "JSON.parse('1', create_additions: false, object_class: nil)", "1");
  close_session(session);
}

static void depth_is_bounded_by_the_stack_where_nothing_else_bounds_it(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session, "JSON.parse('[' * 5000 + ']' * 5000, max_nesting: 0).size", "1");
  must_raise(session, "JSON.parse('[' * 200_000 + ']' * 200_000, max_nesting: 0)",
             "SystemStackError", "stack level too deep");
  must_raise(session, "a = []; 200_000.times { a = [a] }; JSON.generate(a, max_nesting: 0)",
             "SystemStackError", "stack level too deep");
  must_be_usable(session);
  close_session(session);
}

/* --- generate --- */

static void values_become_texts(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session, "JSON.generate([1, 'a', nil, true, { b: 2.5, 'c' => [] }])",
            "\"[1,\\x22a\\x22,null,true,{\\x22b\\x22:2.5,\\x22c\\x22:[]}]\"");
  must_give(session, "JSON.pretty_generate({ a: [1] })",
            "\"{\\n  \\x22a\\x22: [\\n    1\\n  ]\\n}\"");
  must_give(session, "class U; def to_json(*a) = { u: 1 }.to_json(*a); end; JSON.generate([U.new])",
            "\"[{\\x22u\\x22:1}]\"");
  must_raise(session, "JSON.generate(0.0 / 0)", "JSON::GeneratorError", "NaN not allowed in JSON");
  must_raise(session, "JSON.generate(\"\\xff\")", "JSON::GeneratorError",
             "partial character in source, but hit end");
  close_session(session);
}

static void script_safe_escapes_what_ends_a_script(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session,
            "JSON.generate(\"</\\u2028\\u2029é\", script_safe: true) == "
            "'\"<\\/\\u2028\\u2029é\"'",
            "true");
  must_give(session, "JSON.generate(\"</\\u2028\") == \"\\\"</\\u2028\\\"\"", "true");
  close_session(session);
}

static void strings_of_any_length_are_escaped_rightly(void **state)
{
  (void)state;
  struct session *session = open_session();
  /* Around the size of the buffer, and of the steps between safe points */
  must_give(session,
            "[505..520, 1020..1030, 65530..65545, 131065..131080].all? { |sizes| sizes.all? { |n| "
            "s = 'a' * (n - 4) + \"\\n€😀é\"; JSON.parse(JSON.generate(s)) == s && "
            "JSON.parse(JSON.generate([s], ascii_only: true)) == [s] } }",
            "true");
  close_session(session);
}

static void a_float_is_written_as_its_to_s(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session, "JSON.generate([1e15 + 0.5, -0.0, 1e15, 0.1 + 0.2, 5e-324])",
            "\"[1000000000000000.5,-0.0,1.0e+15,0.30000000000000004,5.0e-324]\"");
  must_give(session,
            "(0..2000).all? { |i| f = 1.7 ** (i - 1000); f.infinite? || JSON.generate([f]) == "
            "\"[#{f}]\" && JSON.generate({ f => f }) == \"{\\\"#{f}\\\":#{f}}\" }",
            "true");
  must_give(session, "JSON.generate([0.0 / 0, -1.0 / 0], allow_nan: true)", "\"[NaN,-Infinity]\"");
  close_session(session);
}

/* --- what to_json methods may do --- */

static void a_to_json_may_change_what_it_is_in(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session,
            "class C; def initialize(o) = @o = o; def to_json(*) = (@o.clear; GC.start; '0'); end; "
            "a = [1, 2, 3]; a.unshift(C.new(a)); h = { 'a' => [1] }; h['c'] = C.new(h); h['z'] = "
            "'x' * 100; "
            "[JSON.generate(a), JSON.generate(h).size]",
            "[\"[0]\",122]");
  close_session(session);
}

static void a_to_json_that_leaves_leaves_nothing_behind(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_raise(session, "class R; def to_json(*) = raise('no'); end; JSON.generate([[R.new]])",
             "RuntimeError", "no");
  must_give(session,
            "class T; def to_json(*) = throw(:x, 7); end; catch(:x) { JSON.generate([T.new]) }",
            "7");
  must_raise(
      session,
      "class F; def to_json(*) = Fiber.yield; end; Fiber.new { JSON.generate([F.new]) }.resume",
      "FiberError", "*");
  must_be_usable(session);
  close_session(session);
}

static void classes_that_were_removed_are_raised_all_the_same(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_raise(session,
             "JSON.constants.each { |n| JSON.send(:remove_const, n) }; GC.start; "
             "200.times { Class.new(StandardError) }; JSON.parse('[')",
             "JSON::ParserError", "*");
  must_give(session, "JSON.generate([1])", "\"[1]\"");
  close_session(session);
}

/* --- memory and time --- */

/* A text that is refused, one that is too deep and one that is right: the tree goes each time. */
static void nothing_is_left_in_the_heap(void **state)
{
  (void)state;
  struct session *session = open_session();
  eval(session, "t = '[' + '{\"a\":[1,2.5]},' * 500 + '1]'; "
                "def go(t) = 20.times { [t, t + 'x', '[' * 101 + t].each { |s| "
                "begin; JSON.parse(s); rescue JSON::ParserError; end } }; go(t); GC.start");
  size_t before = heap_used(session->heap);
  eval(session, "go(t); go(t); go(t); GC.start");
  assert_true(heap_used(session->heap) < before + 20000);
  close_session(session);
}

static void memory_that_is_not_there_is_an_error(void **state)
{
  (void)state;
  struct session *session = open_session_with("memory_limit=8000000");
  eval(session, "t = '[' + '1,' * 700_000 + '1]'; JSON.parse(t)");
  assert_int_equal(session->outcome, OUTCOME_NO_MEMORY);
  eval(session, "t = nil; GC.start; s = \"\\0\" * 1_500_000; JSON.generate([s])");
  assert_int_equal(session->outcome, OUTCOME_NO_MEMORY);
  eval(session, "s = nil; GC.start");
  must_be_usable(session);
  close_session(session);
}

static void the_module_can_be_used_at_once_and_in_any_way(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session,
            "[JSON['[1]'], JSON[[1]], JSON('{}'), JSON.dump(1), JSON.load('[2]'), [3].to_json]",
            "[[1],\"[1]\",#{},\"1\",[2],\"[3]\"]");
  eval(session, "j [1], 'a'; jj({ a: 1 })");
  must_be_text(&session->out, "[1]\n\"a\"\n{\n  \"a\": 1\n}\n");
  close_session(session);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_watched_jobs, end_watched_jobs)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(texts_become_values),
      TEST(numbers_keep_every_digit),
      TEST(the_error_names_what_is_wrong),
      TEST(the_text_in_an_error_is_cut),
      TEST(options_that_are_not_there_are_refused),
      TEST(depth_is_bounded_by_the_stack_where_nothing_else_bounds_it),
      TEST(values_become_texts),
      TEST(script_safe_escapes_what_ends_a_script),
      TEST(strings_of_any_length_are_escaped_rightly),
      TEST(a_float_is_written_as_its_to_s),
      TEST(a_to_json_may_change_what_it_is_in),
      TEST(a_to_json_that_leaves_leaves_nothing_behind),
      TEST(classes_that_were_removed_are_raised_all_the_same),
      TEST(nothing_is_left_in_the_heap),
      TEST(memory_that_is_not_there_is_an_error),
      TEST(the_module_can_be_used_at_once_and_in_any_way),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
