/* Tests of driver/ruby_exit.c: exit, exit!, abort, at_exit, SystemExit. */
#include "job_fixture.h"
#include "ruby_fixture.h"
#include "sanitizers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void must_exit(struct session *session, const char *code, int64_t status)
{
  eval(session, code);
  if (session->outcome != OUTCOME_EXIT) fail_msg("%s: %s", code, reply_text(session));
  assert_int_equal(session->exit_status, status);
}

static void a_system_exit_has_a_status_and_a_message(void **state)
{
  (void)state;
  struct session *session = open_session();
  static const struct {
    const char *made, *wanted;
  } cases[] = {{"SystemExit.new", "[0,true,\"exit\"]"},
               {"SystemExit.new(3)", "[3,false,\"exit\"]"},
               {"SystemExit.new(false)", "[1,false,\"exit\"]"},
               {"SystemExit.new(true, 'bye')", "[0,true,\"bye\"]"},
               {"SystemExit.new('bye')", "[0,true,\"bye\"]"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char code[200];
    (void)snprintf(code, sizeof code, "e = %s; [e.status, e.success?, e.message]", cases[i].made);
    must_give(session, code, cases[i].wanted);
  }
  must_raise(session, "SystemExit.new(1, 'a', 'b')", "ArgumentError", "*");
  must_raise(session, "SystemExit.new('a', 'b')", "ArgumentError", "*");
  must_give(
      session,
      "begin; raise SystemExit.new(4, 'x'); rescue SystemExit => e; [e.status, e.message]; end",
      "[4,\"x\"]");
  must_give(session,
            "begin; raise SystemExit, 'bye'; rescue SystemExit => e; [e.status, e.message]; end",
            "[0,\"bye\"]");
  must_exit(session, "raise SystemExit.new(6)", 6);
  close_session(session);
}

static void abort_says_why_and_exits_with_1(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_exit(session, "abort", 1);
  must_be_text(&session->err, "");
  must_exit(session, "abort 'no more'", 1);
  must_be_text(&session->err, "no more\n");
  must_exit(session, "Kernel.abort('from Kernel')", 1);
  must_be_text(&session->err, "from Kernel\n");
  must_give(session, "begin; abort 'x'; rescue SystemExit => e; [e.status, e.message]; end",
            "[1,\"x\"]");
  must_be_text(&session->err, "x\n");
  must_raise(session, "abort 5", "TypeError", "*");
  must_be_text(&session->out, "");
  close_session(session);
}

static void blocks_run_at_the_exit_the_last_one_first(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session,
            "at_exit { puts 'one' }; x = nil; at_exit { puts 'two' }; Kernel.at_exit { puts x }; 1",
            "1");
  must_give(session, "x = 'three'", "\"three\"");
  must_be_text(&session->out, "");
  must_exit(session, "at_exit { puts 'four' }; exit 3", 3);
  must_be_text(&session->out, "four\nthree\ntwo\none\n");
  must_exit(session, "exit 4", 4);
  must_be_text(&session->out, "");
  must_raise(session, "at_exit", "ArgumentError", "called without block");
  must_give(session, "at_exit {}.class.to_s", "\"Proc\"");
  close_session(session);
}

static void a_block_may_do_anything(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_exit(session,
            "at_exit { puts 'last' }\nat_exit { exit 7 }\nat_exit { raise 'no' }\n"
            "at_exit { at_exit { puts 'inner' } }\nat_exit { sleep 0.001 }\n"
            "at_exit { Fiber.new { puts 'fiber' }.resume }\n"
            "at_exit { throw :nothing }\nat_exit { send_response(5) }\nexit 3",
            7);
  must_be_text(&session->out, "fiber\ninner\nlast\n");
  must_be_like(session->err.at, "*(UncaughtThrowError)\n*: no (RuntimeError)\n");
  must_be_text(&session->frames, "{response,5} ");
  close_session(session);
}

static void blocks_run_at_the_exception_of_a_cast(void **state)
{
  (void)state;
  struct session *session = open_session();
  struct bytes frame = term_bytes("{eval, `at_exit { puts 1 }; raise 'no'`}");
  run_request(session, frame);
  assert_int_equal(session->outcome, OUTCOME_ERROR);
  must_be_text(&session->out, "1\n");
  must_give(session, "at_exit { puts 2 }; 1", "1");
  must_raise(session, "raise 'no'", "RuntimeError", "no");
  must_be_text(&session->out, "");
  close_session(session);
}

static void a_block_that_goes_on_for_ever_is_stopped(void **state)
{
  (void)state;
  struct session *session = open_session();
  session->may_be_killed = true;
  must_give(session, "at_exit { $out << 1 }; at_exit { loop {} }; 1", "1");
  eval(session, "exit 3");
  if (session->end == SLICE_RETURNED) assert_int_equal(session->outcome, OUTCOME_EXIT);
  close_session(session);
}

static void ruby_code_does_not_find_the_blocks(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session,
            "at_exit { puts 'here' }; ObjectSpace.each_object(Array) { |a| a.clear rescue 0 }; 1",
            "1");
  must_give(session, "GC.start; 10_000.times { |i| \"#{i}\" }; 1", "1");
  must_exit(session, "exit", 0);
  must_be_text(&session->out, "here\n");
  close_session(session);
}

static void exit_now_leaves_at_once(void **state)
{
  (void)state;
  static const struct {
    const char *code;
    int64_t status;
  } cases[] = {{"exit!", 1},
               {"exit!(true)", 0},
               {"exit! 5", 5},
               {"Kernel.exit!(-3)", -3},
               {"begin; exit!(6); rescue Exception; 1; ensure; puts 'ensure'; end", 6},
               {"at_exit { puts 'block' }; [1].each { exit!(7) }", 7},
               {"Fiber.new { exit!(8) }.resume", 8},
               {"at_exit { puts 'block' }; at_exit { exit!(9) }; exit 1", 9}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct session *session = open_session();
    session->may_be_killed = true;
    eval(session, cases[i].code);
    assert_int_equal(session->end, SLICE_KILLED);
    assert_int_equal(session->slice.killed, KILL_EXIT);
    assert_int_equal(session->slice.exit_status, cases[i].status);
    must_be_text(&session->out, "");
    close_session(session);
  }
  struct session *session = open_session();
  must_raise(session, "exit!('x')", "TypeError", "*");
  must_be_usable(session);
  close_session(session);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_watched_jobs, end_watched_jobs)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(a_system_exit_has_a_status_and_a_message),
      TEST(abort_says_why_and_exits_with_1),
      TEST(blocks_run_at_the_exit_the_last_one_first),
      TEST(a_block_may_do_anything),
      TEST(blocks_run_at_the_exception_of_a_cast),
      TEST(a_block_that_goes_on_for_ever_is_stopped),
      TEST(ruby_code_does_not_find_the_blocks),
      TEST(exit_now_leaves_at_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
