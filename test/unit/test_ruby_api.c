/* Tests of driver/ruby_api.c: output, responses and sleeping; and what Ruby code can not call. */
#include "job_fixture.h"
#include "ruby_fixture.h"
#include "sanitizers.h"
#include "waiting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* --- output --- */

/* What the code prints, and that nothing else comes. */
static void must_print(struct session *session, const char *code, const char *out)
{
  char whole[500];
  (void)snprintf(whole, sizeof whole, "%s; 0", code);
  eval(session, whole);
  if (session->outcome != OUTCOME_OK) fail_msg("%s: %s", code, reply_text(session));
  must_be_text(&session->out, out);
  must_be_text(&session->err, "");
}

static void puts_writes_lines(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_print(session, "puts 'a'", "a\n");
  must_print(session, "puts \"a\\n\"", "a\n");
  must_print(session, "puts", "\n");
  must_print(session, "puts ''", "\n");
  must_print(session, "puts nil", "\n");
  must_print(session, "puts 1, :two, 3.5, nil, true", "1\ntwo\n3.5\n\ntrue\n");
  must_print(session, "puts ['a', ['b', [nil, 'c']], []]", "a\nb\n\nc\n");
  must_print(session, "puts []", ""); /* as Ruby 3.1 does */
  must_print(session, "puts [[], 1]", "1\n");
  must_print(session, "puts [1, [2, 3]], 4", "1\n2\n3\n4\n");
  must_print(session, "class S; def to_s = 'mine'; end; puts S.new", "mine\n");
  must_print(session, "class N; def to_s = 5; end; puts N.new.to_s.class", "Integer\n");
  close_session(session);
}

static void puts_of_an_array_that_contains_itself_ends(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_raise(session, "a = [1]; a << a; puts a", "ArgumentError", "array nested too deep for puts");
  must_be_text(&session->out, "");
  must_print(session, "a = 'x'; 200.times { a = [a] }; puts a", "x\n");
  must_be_usable(session);
  close_session(session);
}

static void print_p_printf_and_putc_write_as_they_do_in_ruby(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_print(session, "print 'a', 1, nil, :b", "a1b");
  must_print(session, "print", "");
  must_print(session, "p 'a', nil, [1]", "\"a\"\nnil\n[1]\n");
  must_print(session, "p", "");
  must_give(session, "[p, p(1), p(1, 2)]", "[nil,1,[1,2]]");
  must_be_text(&session->out, "1\n1\n2\n");
  must_print(session, "printf('%05d|%s', 42, 'x')", "00042|x");
  must_print(session, "printf", "");
  must_print(session, "putc 'abc'; putc 65; putc 256 + 66", "aAB");
  must_give(session, "[putc('q'), putc(65), puts, print, printf('')]", "[\"q\",65,nil,nil,nil]");
  must_be_text(&session->out, "qA\n");
  must_raise(session, "putc nil", "TypeError", "*");
  must_raise(session, "printf('%d')", "ArgumentError", "*");
  must_print(session, "print \"a\\0b\\xff\"",
             "a"); /* the host got it all: say() shows up to the 0 */
  close_session(session);
}

static void the_streams_have_the_methods_of_an_io(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_print(session, "$stdout << 'a' << 1 << nil << \"\\n\"", "a1\n");
  must_give(session, "$stdout.write('abc', 1, nil)", "4");
  must_be_text(&session->out, "abc1");
  must_give(session, "$stdout.write", "0");
  must_print(session, "$stdout.puts 'x', ['y']; $stdout.print 1; $stdout.printf('%d', 2)",
             "x\ny\n12");
  must_print(session, "STDOUT.putc 'z'; $stdout.flush.fsync << 'f'", "zf");
  must_give(session, "[$stdout.sync, $stdout.sync = true, $stdout.tty?, $stdout.isatty]",
            "[true,true,false,false]");
  must_give(session, "[$stdout.fileno, $stderr.fileno, $stdout.inspect, $stderr.inspect]",
            "[1,2,\"#<IO:<STDOUT>>\",\"#<IO:<STDERR>>\"]");
  must_raise(session, "IO.new", "NoMethodError", "*");
  must_raise(session, "IO.allocate", "*", "*");
  must_be_usable(session);
  close_session(session);
}

static void stderr_is_another_stream(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session, "$stderr.puts 'e'; warn 'w', 2; warn; STDERR << 's'; 1", "1");
  must_be_text(&session->out, "");
  must_be_text(&session->err, "e\nw\n2\ns");
  close_session(session);
}

static void output_goes_where_the_standard_streams_point(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session,
            "class Sink; attr_reader :got; def initialize = @got = ''; "
            "def write(*a) = a.each { |x| @got << x.to_s }; "
            "def puts(*a) = write(*a, \"\\n\"); def print(*a) = write(*a); end; 1",
            "1");
  must_give(session, "$stdout = Sink.new; puts 'a'; print 'b'; p :c; printf('%d', 4); $stdout.got",
            "\"a\\nb:c\\n4\"");
  must_be_text(&session->out, "");
  must_give(session, "$stderr = $stdout; warn 'w'; $stdout.got", "*w\\n\"");
  must_be_text(&session->err, "");
  must_print(session, "$stdout = STDOUT; puts 'back'", "back\n");
  must_raise(session, "$stdout = nil; puts 1", "*", "*");
  must_raise(session, "$stdout = 5; p 1", "*", "*");
  must_print(session, "$stdout = STDERR; $stdout = STDOUT; puts 'again'", "again\n");
  close_session(session);
}

static void objects_that_make_trouble_when_printed_do_no_harm(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_raise(session, "class R; def to_s = raise('to_s'); end; puts 1, R.new, 2", "RuntimeError",
             "to_s");
  must_be_text(&session->out, ""); /* all or nothing */
  must_raise(session, "class I; def inspect = raise('inspect'); end; p I.new", "RuntimeError",
             "inspect");
  must_give(session,
            "class A; def to_s = nil; def inspect = 5; end; puts A.new; p A.new; print A.new; 1",
            "1");
  assert_true(session->out.length > 0);
  session->out.length = 0;
  must_give(session,
            "class Grow; def to_s; $a.concat([1] * 1000); $a.clear; GC.start; 'g'; end; end; "
            "$a = [Grow.new, Grow.new, 'z']; puts $a; 1",
            "1");
  session->out.length = 0;
  must_give(session, "$b = [Grow.new] * 3; print(*$b); $stdout.write(*$b)", "3");
  must_be_text(&session->out, "gggggg");
  must_be_usable(session);
  close_session(session);
}

/* --- responses --- */

static void send_response_sends_a_frame(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session, "send_response(5)", "true");
  must_give(session, "send_response([:a, 'b', nil]); send_response({}); 7", "7");
  must_be_text(&session->frames, "{response,5} {response,[a,\"b\",nil]} {response,#{}} ");
  must_give(session, "3.times { |i| send_response(i) }; 1", "1");
  must_be_text(&session->frames, "{response,0} {response,1} {response,2} ");
  must_raise(session, "send_response", "ArgumentError", "*");
  must_raise(session, "send_response(1, 2)", "ArgumentError", "*");
  must_be_text(&session->frames, "");
  close_session(session);
}

static void a_response_without_a_form_in_erlang_is_an_error_and_sends_nothing(void **state)
{
  (void)state;
  struct session *session = open_session_with("max_frame=1000");
  must_raise(session, "send_response([1, Object.new])", "Erlang::TermError", "*");
  must_raise(session, "send_response('x' * 2000)", "Erlang::TermError", "*");
  must_be_text(&session->frames, "");
  must_give(session, "send_response(1)", "true");
  must_be_text(&session->frames, "{response,1} ");
  close_session(session);
}

static void a_response_inside_of_its_own_to_erl_is_an_error(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session,
            "class Nest; def to_erl; send_response(1); end; end; "
            "class Fails; def to_erl = raise('to_erl'); end; 1",
            "1");
  must_raise(session, "send_response([0, Nest.new])", "RuntimeError",
             "a to_erl can't send or call: its own term is being made");
  must_be_text(&session->frames, "");
  must_give(session, "send_response(2)", "true");
  must_be_text(&session->frames, "{response,2} ");
  must_raise(session, "send_response(Fails.new)", "RuntimeError", "to_erl");
  must_give(session, "send_response(3)", "true");
  must_be_text(&session->frames, "{response,3} ");
  /* While the reply is made it is another frame, and may. */
  must_give(session, "[5, Nest.new]", "[5,true]");
  must_be_text(&session->frames, "{response,1} ");
  must_give(session,
            "class Rescues; def to_erl; send_response(1); rescue => e; e.message; end; "
            "end; send_response(Rescues.new)",
            "true");
  must_be_text(&session->frames,
               "{response,\"a to_erl can't send or call: its own term is being made\"} ");
  close_session(session);
}

static void a_response_left_by_a_stop_does_not_block_the_next(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session, "class Long; def to_erl; print 1; loop {}; end; end; 1", "1");
  struct bytes frame = eval_frame("send_response([1, Long.new])", NULL);
  start_request(session, frame);
  run_request_to_output(session);
  slice_stop(&session->slice, STOP_TIMEOUT);
  finish_request(session);
  must_have_replied(session, "Long", "{error,#{class=>\"Erlang::Timeout\"*}}");
  free(frame.at);
  must_give(session, "send_response(2)", "true");
  must_be_text(&session->frames, "{response,2} ");
  close_session(session);
}

static void a_response_that_is_left_by_a_fiber_does_not_block_the_next(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session,
            "class Leaves; def to_erl = throw(:out); end; catch(:out) { "
            "send_response(Leaves.new) }; send_response(1)",
            "true");
  must_be_text(&session->frames, "{response,1} ");
  must_give(session,
            "class Yields; def to_erl = Fiber.yield(5); end; "
            "f = Fiber.new { send_response(Yields.new) }; (f.resume rescue 0); "
            "begin; send_response(2); rescue => e; e.message; end; 1",
            "1");
  session->frames.length = 0;
  must_give(session, "send_response(3)", "true");
  must_be_text(&session->frames, "{response,3} ");
  close_session(session);
}

static void in_line_mode_a_response_is_a_line(void **state)
{
  (void)state;
  struct session *session = open_session_with("packet=line");
  must_give(session, "send_response([1, 'two'])", "true");
  must_be_text(&session->out, "[1, \"two\"]\n");
  must_be_text(&session->frames, "");
  close_session(session);
}

static void in_line_mode_an_error_is_printed(void **state)
{
  (void)state;
  struct session *session = open_session_with("packet=line");
  eval(session, "\nraise ArgumentError, 'no'");
  assert_int_equal(session->outcome, OUTCOME_ERROR);
  must_be_text(&session->err, "(eval):2: no (ArgumentError)\n");
  eval(session, "1 +");
  must_be_like(session->err.at, "(eval):1: (eval):1:*syntax error*(SyntaxError)\n");
  close_session(session);
}

/* --- sleeping --- */

static void sleep_waits_and_tells_the_seconds(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session, "sleep 0", "0");
  must_give(session, "sleep 0.002", "0");
  must_give(session, "Kernel.sleep(0)", "0");
  int64_t before = test_now_ns();
  must_give(session, "sleep 0.05", "0");
  assert_true(test_now_ns() - before >= 50000000);
  must_raise(session, "sleep(-1)", "ArgumentError", "time interval must not be negative");
  must_raise(session, "sleep('1')", "TypeError", "*");
  must_raise(session, "sleep(nil)", "TypeError", "*");
  must_raise(session, "sleep(0.0 / 0.0)", "ArgumentError", "*");
  static const char *const long_ones[] = {"sleep", "sleep 1e300", "sleep Float::INFINITY",
                                          "sleep 2 ** 62", "sleep 1_000_000"};
  for (size_t i = 0; i < sizeof long_ones / sizeof *long_ones; i++) {
    struct bytes frame = eval_frame(long_ones[i], NULL);
    start_request(session, frame);
    do assert_int_equal(slice_run(&session->slice, false, &session->end), STATUS_OK);
    while (session->end == SLICE_PREEMPTED);
    assert_int_equal(session->end, SLICE_WAITING);
    assert_true(session->slice.wake_at > now_ns() + INT64_C(100000) * 1000000000);
    slice_stop(&session->slice, STOP_INTERRUPT);
    finish_request(session);
    must_have_replied(session, long_ones[i], "{error,#{class=>\"Erlang::Interrupt\"*}}");
    free(frame.at);
  }
  must_be_usable(session);
  close_session(session);
}

/* --- what is not there --- */

static void ruby_has_no_way_out_of_the_vm(void **state)
{
  (void)state;
  struct session *session = open_session();
  static const char *const codes[] = {"File",
                                      "Dir",
                                      "Process",
                                      "Socket",
                                      "TCPSocket",
                                      "Signal",
                                      "IO.popen('ls')",
                                      "IO.sysopen('x')",
                                      "system('ls')",
                                      "fork",
                                      "exec('ls')",
                                      "`ls`",
                                      "open('x')",
                                      "require 'x'",
                                      "load 'x'",
                                      "IO.pipe",
                                      "trap('INT') {}",
                                      "ENV",
                                      "ARGF",
                                      "STDIN",
                                      "gets",
                                      "$stdin.read",
                                      "ObjectSpace.dump(1)",
                                      "Thread.new {}",
                                      "spawn('ls')",
                                      "ObjectSpace._id2ref(1)",
                                      "Task",
                                      "srand.foo",
                                      "Kernel.fork"};
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
    eval(session, codes[i]);
    if (session->outcome != OUTCOME_ERROR) fail_msg("%s: %s", codes[i], reply_text(session));
  }
  must_be_usable(session);
  close_session(session);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_watched_jobs, end_watched_jobs)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(puts_writes_lines),
      TEST(puts_of_an_array_that_contains_itself_ends),
      TEST(print_p_printf_and_putc_write_as_they_do_in_ruby),
      TEST(the_streams_have_the_methods_of_an_io),
      TEST(stderr_is_another_stream),
      TEST(output_goes_where_the_standard_streams_point),
      TEST(objects_that_make_trouble_when_printed_do_no_harm),
      TEST(send_response_sends_a_frame),
      TEST(a_response_without_a_form_in_erlang_is_an_error_and_sends_nothing),
      TEST(a_response_inside_of_its_own_to_erl_is_an_error),
      TEST(a_response_left_by_a_stop_does_not_block_the_next),
      TEST(a_response_that_is_left_by_a_fiber_does_not_block_the_next),
      TEST(in_line_mode_a_response_is_a_line),
      TEST(in_line_mode_an_error_is_printed),
      TEST(sleep_waits_and_tells_the_seconds),
      TEST(ruby_has_no_way_out_of_the_vm),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
