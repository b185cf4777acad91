/* Tests of driver/interp_run.c: the life of a job, from its first slice to its answer, what
 * interrupts it, what it sends meanwhile, and how it can end its interpreter. */
#include "interp_fixture.h"
#include "job_fixture.h"
#include "sanitizers.h"
#include "terms.h"
#include "waiting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- slices --- */

static void a_request_that_begins_in_the_pool_is_answered_late_each_way(void **state)
{
  (void)state;
  struct port *port = open_port("");
  for (size_t i = 0; i < WAYS; i++) {
    ask(port, ways[i], CALLER, in_pool("&1", "5"));
    must_be_accepted(port, ways[i], "&1");
    assert_true(interp_in_pool(port->interp));
    assert_true(interp_is_busy(port->interp));
    must_hear_nothing(port);
    drain(port);
    must_hear_late(port, ways[i], "&1", "{ok,5}");
    assert_false(interp_is_busy(port->interp));
  }
  close_port(port);
}

static void a_request_that_overruns_its_inline_slice_goes_on_in_the_pool_each_way(void **state)
{
  (void)state;
  struct port *port = open_port("slice=1000");
  for (size_t i = 0; i < WAYS; i++) {
    ask(port, ways[i], CALLER, "{eval, &1, `loop {}`}");
    assert_true(port->answer.ran_long);
    must_be_accepted(port, ways[i], "&1");
    assert_true(interp_in_pool(port->interp));
    assert_true(pool_run_one(port->pool));
    assert_true(interp_in_pool(port->interp));
    must_hear_nothing(port);
    ask(port, WAY_FRAME, 0, "{interrupt, &1}");
    drain(port);
    must_hear_late(port, ways[i], "&1", "{error,interrupted}");
  }
  close_port(port);
}

static void a_request_that_waits_holds_no_thread_and_is_answered_late_each_way(void **state)
{
  (void)state;
  struct port *port = open_port("");
  for (size_t i = 0; i < WAYS; i++) {
    ask(port, ways[i], CALLER, "{eval, &1, `sleep 0.003; 6`}");
    assert_false(port->answer.ran_long);
    must_be_accepted(port, ways[i], "&1");
    assert_true(interp_is_busy(port->interp));
    must_become(drain(port) > 0);
    must_hear_late(port, ways[i], "&1", "{ok,6}");
  }
  close_port(port);
}

static void a_request_that_comes_while_a_large_heap_is_there_begins_in_the_pool(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_FRAME, 0, in_pool("1", "$big = 'x' * 20_000_000; 1"));
  drain(port);
  must_hear(port, "owner {reply,1,{ok,1}}");
  ask(port, WAY_CONTROL, CALLER, "{eval, &1, `2`}");
  must_be_answered(port, ANSWER_LATER, NULL);
  drain(port);
  must_hear(port, "caller 77 {reply,&1,{ok,2}}");
  ask(port, WAY_FRAME, 0, "{eval, 2, `$big = nil; GC.start; 3`}");
  drain(port);
  must_hear(port, "owner {reply,2,{ok,3}}");
  ask(port, WAY_CONTROL, CALLER, "{eval, &1, `4`}");
  must_be_answered(port, ANSWER_NOW, "{reply,&1,{ok,4}}");
  close_port(port);
}

/* --- interrupts --- */

static void an_interrupt_by_id_stops_that_request_alone(void **state)
{
  (void)state;
  struct port *port = open_port("slice=1000");
  ask(port, WAY_FRAME, 0, "{eval, a, `loop {}`}");
  ask(port, WAY_FRAME, 0, "{eval, b, `2`}");
  ask(port, WAY_ASYNC, CALLER, "{eval, &1, `3`}");
  ask(port, WAY_FRAME, 0, "{eval, d, `4`}");
  ask(port, WAY_FRAME, 0, "{interrupt, unknown}");
  must_hear_nothing(port);
  ask(port, WAY_FRAME, 0, "{interrupt, b}"); /* queued: told at once */
  must_hear(port, "owner {reply,b,{error,interrupted}}");
  ask(port, WAY_CONTROL, CALLER, "{interrupt, &1}");
  must_be_answered(port, ANSWER_NONE, NULL);
  must_hear(port, "answer 77 &1 {error,interrupted}");
  must_hear_nothing(port);
  ask(port, WAY_REQUEST, CALLER, "{interrupt, a}"); /* running: it hears of it in its next slice */
  must_be_answered(port, ANSWER_ACCEPTED, NULL);
  drain(port);
  must_hear(port, "owner {reply,a,{error,interrupted}}");
  must_hear(port, "owner {reply,d,{ok,4}}");
  close_port(port);
}

static void an_interrupt_without_an_id_stops_what_runs_and_nothing_that_waits(void **state)
{
  (void)state;
  struct port *port = open_port("slice=1000");
  ask(port, WAY_FRAME, 0, "interrupt"); /* nothing runs */
  ask(port, WAY_FRAME, 0, "{eval, a, `loop {}`}");
  ask(port, WAY_FRAME, 0, "{eval, b, `2`}");
  ask(port, WAY_REQUEST, CALLER, "interrupt");
  must_be_answered(port, ANSWER_ACCEPTED, NULL);
  ask(port, WAY_FRAME, 0, "interrupt"); /* the same one */
  drain(port);
  must_hear(port, "owner {reply,a,{error,interrupted}}");
  must_hear(port, "owner {reply,b,{ok,2}}");
  close_port(port);
}

static void an_interrupt_wakes_a_request_that_sleeps(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_FRAME, 0, "{eval, a, `begin; print 1; sleep; ensure; $cleaned = 1; end`}");
  run_to_output(port);
  drain(port);
  ask(port, WAY_FRAME, 0, "interrupt");
  assert_true(interp_in_pool(port->interp));
  drain(port);
  must_hear(port, "owner {reply,a,{error,interrupted}}");
  ask(port, WAY_FRAME, 0, "{eval, b, `$cleaned`}");
  must_hear(port, "owner {reply,b,{ok,1}}");
  close_port(port);
}

static void a_request_that_is_interrupted_before_it_begins_does_not_run(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_FRAME, 0, in_pool("a", "$ran = true"));
  ask(port, WAY_FRAME, 0, "{interrupt, a}");
  drain(port);
  must_hear(port, "owner {reply,a,{error,interrupted}}");
  ask(port, WAY_FRAME, 0, "{eval, b, `$ran`}");
  must_hear(port, "owner {reply,b,{ok,nil}}");
  close_port(port);
}

static void an_interrupt_of_a_cast_is_told_to_the_owner_and_ends_nothing(void **state)
{
  (void)state;
  struct port *port = open_port("slice=1000");
  ask(port, WAY_FRAME, 0, "{eval, `loop {}`}");
  ask(port, WAY_FRAME, 0, "interrupt");
  drain(port);
  must_hear(port, "owner {reply,undefined,{error,interrupted}}");
  ask(port, WAY_FRAME, 0, "{eval, b, `1`}");
  must_hear(port, "owner {reply,b,{ok,1}}");
  close_port(port);
}

/* --- output and replies --- */

static void what_ruby_prints_is_sent_to_the_owner_as_frames(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_CONTROL, CALLER, "{eval, &1, `puts 'out'; warn 'err'; send_response([1]); 5`}");
  must_be_answered(port, ANSWER_NOW, "{reply,&1,{ok,5}}");
  must_hear(port, "owner {output,stdout,\"out\\n\"}");
  must_hear(port, "owner {output,stderr,\"err\\n\"}");
  must_hear(port, "owner {response,[1]}");
  close_port(port);
}

static void in_line_mode_only_text_is_sent(void **state)
{
  (void)state;
  struct port *port = open_port("packet=line");
  ask(port, WAY_FRAME, 0, "{eval, `puts 'out'; send_response([1])`}");
  must_hear(port, "text out\n");
  must_hear(port, "text [1]\n");
  ask(port, WAY_FRAME, 0, "{eval, 5}");
  ask(port, WAY_FRAME, 0, "{eval, 1, `2`}");
  must_hear_nothing(port);
  ask(port, WAY_FRAME, 0, "{eval, `raise 'no'`}");
  must_hear(port, "text (eval):1: no (RuntimeError)\n");
  assert_true(interp_tend(port->interp));
  close_port(port);
}

static void output_that_is_larger_than_a_frame_is_not_lost(void **state)
{
  (void)state;
  struct port *port = open_port("max_frame=1000");
  ask(port, WAY_FRAME, 0, "{eval, 1, `print 'x' * 2500; 1`}");
  drain(port);
  size_t length = 0;
  for (size_t i = 0; i < port->home.count; i++)
    for (const char *at = port->home.messages[i]; (at = strchr(at, 'x')); at++) length++;
  must_hear(port, "owner *");
  port->home.taken = port->home.count;
  assert_int_equal(length, 2500);
  close_port(port);
}

static void a_reply_that_is_larger_than_a_frame_is_an_error(void **state)
{
  (void)state;
  struct port *port = open_port("max_frame=1000");
  for (size_t i = 0; i < WAYS; i++) {
    ask(port, ways[i], CALLER, "{eval, &1, `'x' * 2000`}");
    must_be_answered_now(port, ways[i], "{error,#{*more than 1000 bytes*}}");
    ask(port, ways[i], CALLER, "{eval, &1, `raise 'x' * 2000`}");
    must_be_answered_now(port, ways[i], "{error,#{*larger than max_frame*}}");
  }
  close_port(port);
}

static void an_error_is_a_whole_term_however_small_the_frames_and_large_the_id(void **state)
{
  (void)state;
  struct port *port = open_port("max_frame=64");
  char text[100], pattern[100];
  for (int length = 10; length < 60; length++) {
    (void)snprintf(text, sizeof text, "{eval, `%0*d`, `1`}", length, 0);
    struct bytes frame = term_bytes(text);
    bool fits = frame.length <= 64;
    free(frame.at);
    ask(port, WAY_CONTROL, CALLER, text);
    (void)snprintf(pattern, sizeof pattern,
                   fits ? "{reply,\"%0*d\",{*,*}}" : "{reply,undefined,{*}}", length, 0);
    must_be_answered(port, ANSWER_NOW, fits ? pattern : "{reply,undefined,{*}}");
    ask(port, WAY_FRAME, 0, text);
    must_hear(port, "owner {reply,*}");
  }
  close_port(port);
}

static void large_requests_and_replies_leave_no_memory_behind(void **state)
{
  (void)state;
  struct port *port = open_port("");
  char *text = malloc(3000100);
  assert_non_null(text);
  (void)snprintf(text, 3000100, "{call, &1, to_s, [[`%03000000d`]]}", 0);
  ask(port, WAY_FRAME, 0, text);
  drain(port);
  must_hear(port, "owner {reply,&1,{ok,\"main\"}}");
  ask(port, WAY_CONTROL, CALLER, "{eval, &1, `'x' * 100_000`}");
  if (port->answer.kind == ANSWER_LATER) {
    drain(port);
    must_hear(port, "caller 77 {reply,&1,{ok,*}}");
  }
  (void)interp_tend(port->interp);
  ask(port, WAY_CONTROL, CALLER, "{eval, &1, `1`}");
  must_be_answered(port, ANSWER_NOW, "{reply,&1,{ok,1}}");
  free(text);
  close_port(port);
}

/* --- the end of an interpreter --- */

/* Nothing runs any more, everything is answered, and closing it is all that is left. */
static void must_have_ended(struct port *port)
{
  assert_true(interp_tend(port->interp));
  assert_false(interp_is_busy(port->interp));
  for (size_t i = 0; i < WAYS; i++) {
    ask(port, ways[i], CALLER, "{eval, &1, `1`}");
    must_be_answered_now(port, ways[i], "{error,closed}");
    ask(port, ways[i], CALLER, in_pool("&1", "1"));
    must_be_answered_now(port, ways[i], "{error,closed}");
  }
  ask(port, WAY_CONTROL, CALLER, "{info, &1}");
  must_be_answered(port, ANSWER_NOW, "{reply,&1,{ok,#{*state=>ended*}}}");
  ask(port, WAY_FRAME, 0, "interrupt");
  must_hear_nothing(port);
  close_port(port);
}

static void exit_answers_its_request_and_ends_the_interpreter_with_the_status(void **state)
{
  (void)state;
  for (size_t i = 0; i < WAYS; i++)
    for (int late = 0; late < 2; late++) {
      struct port *port = open_port("");
      assert_false(interp_tend(port->interp));
      ask(port, ways[i], CALLER, late ? in_pool("&1", "exit(3)") : "{eval, &1, `exit(3)`}");
      if (late) {
        must_be_accepted(port, ways[i], "&1");
        drain(port);
        must_hear_late(port, ways[i], "&1", "{error,closed}");
      } else if (ways[i] == WAY_FRAME || ways[i] == WAY_ASYNC) {
        must_hear_late(port, ways[i], "&1", "{error,closed}");
      } else {
        must_be_answered(port, ANSWER_NOW,
                         ways[i] == WAY_REQUEST ? "{error,closed}" : "{reply,&1,{error,closed}}");
      }
      must_hear(port, "owner {exit,3}");
      assert_true(port->home.tends > 0);
      must_have_ended(port);
    }
}

static void exit_in_a_cast_ends_the_interpreter_with_the_status(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_FRAME, 0, "{eval, `exit`}");
  must_hear(port, "owner {exit,0}");
  must_have_ended(port);
  port = open_port("");
  ask(port, WAY_FRAME, 0, "{eval, `sleep 0.001; exit(-4)`}");
  must_become(drain(port) > 0);
  must_hear(port, "owner {exit,-4}");
  must_have_ended(port);
}

static void exit_now_ends_the_interpreter_and_answers_closed(void **state)
{
  (void)state;
  static const char code[] = "at_exit { puts 1 }; begin; exit! 5; ensure; puts 2; end";
  for (size_t i = 0; i < WAYS; i++) {
    char text[200];
    struct port *port = open_port("");
    (void)snprintf(text, sizeof text, "{eval, &1, `%s`}", code);
    ask(port, ways[i], CALLER, text);
    if (ways[i] == WAY_FRAME || ways[i] == WAY_ASYNC)
      must_hear_late(port, ways[i], "&1", "{error,closed}");
    else
      must_be_answered(port, ANSWER_NOW,
                       ways[i] == WAY_REQUEST ? "{error,closed}" : "{reply,&1,{error,closed}}");
    must_hear(port, "owner {exit,5}");
    must_have_ended(port);
    port = open_port("");
    ask(port, ways[i], CALLER, in_pool("&1", code));
    must_be_accepted(port, ways[i], "&1");
    drain(port);
    must_hear_late(port, ways[i], "&1", "{error,closed}");
    must_hear(port, "owner {exit,5}");
    must_have_ended(port);
  }
  struct port *port = open_port("");
  ask(port, WAY_FRAME, 0, "{eval, `exit! 6`}");
  must_hear(port, "owner {exit,6}");
  must_have_ended(port);
}

static void blocks_of_at_exit_run_before_the_last_frame(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_FRAME, 0, "{eval, `at_exit { puts 1 }; raise 'no'`}");
  must_hear(port, "owner {output,stdout,\"1\\n\"}");
  must_hear(port, "owner {exit,{error,#{*}}}");
  must_have_ended(port);
  port = open_port("");
  ask(port, WAY_FRAME, 0, "{eval, `at_exit { puts 1; sleep 0.001; exit 4 }; exit 3`}");
  must_become(drain(port) > 0);
  must_hear(port, "owner {output,stdout,\"1\\n\"}");
  must_hear(port, "owner {exit,4}");
  must_have_ended(port);
}

static void a_cast_that_raises_ends_the_interpreter_with_its_error(void **state)
{
  (void)state;
  static const char wanted[] =
      "owner {exit,{error,#{class=>\"ArgumentError\",message=>\"no\",backtrace=>[\"(eval):1\"]}}}";
  for (size_t i = 0; i < 3; i++) {
    struct port *port = open_port("");
    ask(port, ways[i], CALLER, "{eval, `raise ArgumentError, 'no'`}");
    must_hear(port, wanted);
    must_have_ended(port);
    port = open_port("");
    ask(port, ways[i], CALLER, "{eval, `sleep 0.001; raise ArgumentError, 'no'`}");
    must_become(drain(port) > 0);
    must_hear(port, wanted);
    must_have_ended(port);
  }
}

static void the_error_of_a_cast_that_is_larger_than_a_frame_is_told_in_short(void **state)
{
  (void)state;
  struct port *port = open_port("max_frame=50000");
  ask(port, WAY_FRAME, 0, "{eval, `raise 'x' * 60_000`}");
  must_hear(port, "owner {exit,{error,#{*larger than max_frame*}}}");
  must_have_ended(port);
}

static void a_cast_without_memory_ends_the_interpreter(void **state)
{
  (void)state;
  struct port *port = open_port("memory_limit=4000000");
  ask(port, WAY_FRAME, 0, "{eval, `'x' * 100_000_000`}");
  drain(port);
  must_hear(port, "owner {exit,{error,memory_limit}}");
  must_have_ended(port);
}

static void a_request_without_memory_is_told_so_and_the_interpreter_goes_on(void **state)
{
  (void)state;
  struct port *port = open_port("memory_limit=4000000");
  for (size_t i = 0; i < WAYS; i++) {
    ask(port, ways[i], CALLER, in_pool("&1", "a = []; loop { a << 'x' * 1000 }"));
    must_be_accepted(port, ways[i], "&1");
    drain(port);
    must_hear_late(port, ways[i], "&1", "{error,memory_limit}");
    ask(port, WAY_FRAME, 0, "{eval, 2, `a = nil; 2`}");
    drain(port);
    must_hear(port, "owner {reply,2,{ok,2}}");
  }
  close_port(port);
}

static void a_script_that_is_killed_ends_the_interpreter_with_the_reason(void **state)
{
  (void)state;
  static const struct {
    const char *code, *reason;
  } kills[] = {
      {"Object.send(:remove_const, :NameError); Foo", "stack_overflow"},
      {"eval('[1,[2,[3]]];' * 100_000)", "memory_limit"},
  };
  for (size_t i = TEST_UNDER_TSAN ? 1 : 0; i < 2; i++) /* it allows 65,536 calls in each other */
    for (size_t w = 0; w < WAYS; w++) {
      struct port *port = open_port("memory_limit=2000000");
      char wanted[100];
      ask(port, ways[w], CALLER, in_pool("&1", kills[i].code));
      must_be_accepted(port, ways[w], "&1");
      drain(port);
      (void)snprintf(wanted, sizeof wanted, "{error,%s}", kills[i].reason);
      must_hear_late(port, ways[w], "&1", wanted);
      (void)snprintf(wanted, sizeof wanted, "owner {exit,%s}", kills[i].reason);
      must_hear(port, wanted);
      must_have_ended(port);
    }
}

static void a_script_that_is_killed_inline_ends_the_interpreter_too(void **state)
{
  (void)state;
  if (TEST_UNDER_TSAN) skip();
  for (size_t w = 0; w < WAYS; w++) {
    struct port *port = open_port("slice=100000");
    ask(port, ways[w], CALLER, "{eval, &1, `Object.send(:remove_const, :NameError); Foo`}");
    if (port->answer.kind == ANSWER_LATER || interp_in_pool(port->interp)) {
      must_be_accepted(port, ways[w], "&1"); /* it took longer than the slice */
      drain(port);
      must_hear_late(port, ways[w], "&1", "{error,stack_overflow}");
    } else if (port->answer.kind == ANSWER_NOW) {
      must_be_like(port->text, "*{error,stack_overflow}*");
    } else {
      must_hear_late(port, ways[w], "&1", "{error,stack_overflow}");
    }
    must_hear(port, "owner {exit,stack_overflow}");
    must_have_ended(port);
  }
}

static void a_script_that_fights_its_timeout_is_killed(void **state)
{
  (void)state;
  struct port *port = open_port("slice=1000 grace=2 timeout=50");
  ask(port, WAY_ASYNC, CALLER,
      "{eval, &1, `loop { begin; print 1; loop {}; rescue Exception; end }`}");
  run_to_output(port);
  ask(port, WAY_FRAME, 0, "{eval, 2, `1`, #{timeout => infinity}}");
  drain(port);
  while (port->home.taken < port->home.count &&
         text_like(port->home.messages[port->home.taken], "owner {output,*"))
    port->home.taken++;
  must_hear(port, "answer 77 &1 {error,timeout}");
  must_hear(port, "owner {reply,2,{error,closed}}");
  must_hear(port, "owner {exit,killed}");
  must_have_ended(port);
}

static void what_is_queued_when_the_interpreter_ends_is_answered_each_way(void **state)
{
  (void)state;
  for (size_t i = 0; i < WAYS; i++) {
    struct port *port = open_port("");
    ask(port, WAY_FRAME, 0, in_pool("1", "exit(5)"));
    ask(port, ways[i], CALLER, "{eval, &1, `1`}");
    must_be_accepted(port, ways[i], "&1");
    ask(port, WAY_FRAME, 0, "{eval, `cast`}");
    drain(port);
    must_hear(port, "owner {reply,1,{error,closed}}");
    must_hear_late(port, ways[i], "&1", "{error,closed}");
    must_hear(port, "owner {reply,undefined,{error,closed}}");
    must_hear(port, "owner {exit,5}");
    must_have_ended(port);
  }
}

static void a_token_that_was_not_claimed_when_the_interpreter_ended_tells_so(void **state)
{
  (void)state;
  struct port *port = open_port("");
  uint64_t current = token_of(port, in_pool("&1", "exit(5)"));
  uint64_t queued = token_of(port, "{eval, &2, `1`}");
  drain(port);
  must_hear(port, "owner {exit,5}");
  claim(port, CALLER, current, "&11");
  must_be_answered(port, ANSWER_NOW, "{error,closed}");
  claim(port, CALLER, queued, "&12");
  must_be_answered(port, ANSWER_NOW, "{error,closed}");
  must_have_ended(port);
}

static void the_port_is_not_to_be_closed_before_the_last_frame_is_sent(void **state)
{
  (void)state;
  struct port *port = open_port("");
  struct lender lender;
  ask(port, WAY_FRAME, 0, in_pool("1", "exit(3)"));
  port->home.gates = GATE_EXIT;
  start_lender(&lender, port);
  must_become(port->home.held & GATE_EXIT);
  must_hear(port, "owner {reply,1,{error,closed}}");
  int tends = port->home.tends;
  /* A request that comes in between looks after the port when it is refused. */
  ask(port, WAY_REQUEST, CALLER, "{eval, &1, `1`}");
  must_be_answered_now(port, WAY_REQUEST, "{error,closed}");
  assert_false(interp_tend(port->interp));
  assert_true(interp_is_busy(port->interp)); /* so the port looks again */
  let_go(&lender);
  assert_true(interp_tend(port->interp));
  assert_true(port->home.tends > tends);
  must_hear(port, "owner {exit,3}");
  must_have_ended(port);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_jobs, end_jobs)

/* --- what it prints --- */

static void who_prints_faster_than_it_is_read_waits(void **state)
{
  (void)state;
  static const char *const prints[] = {"print 1", "send_response(1)"};
  for (size_t i = 0; i < 2; i++) {
    struct port *port = open_port("");
    char text[100];
    (void)snprintf(text, sizeof text, "{eval, `%s; %s`}", prints[i], prints[i]);
    port->home.reading = READING_FAR_BEHIND; /* whom nobody waits for has no error */
    ask(port, WAY_FRAME, 0, text);
    assert_true(interp_is_busy(port->interp));
    drain(port);
    must_hear_nothing(port);
    port->home.reading = READING;
    must_become((drain(port), !interp_is_busy(port->interp)));
    for (int n = 0; n < 2; n++)
      must_hear(port, i == 0 ? "owner {output,stdout,\"1\"}" : "owner {response,1}");
    port->home.reading = READING_BEHIND;
    ask(port, WAY_FRAME, 0, text);
    close_port(port);
  }
}

static void an_owner_that_waits_for_the_answer_is_not_waited_for(void **state)
{
  (void)state;
  struct port *port = open_port("");
  port->home.reading = READING_BEHIND;
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `print 1`}");
  must_be_answered(port, ANSWER_NOW, "{ok,nil}");
  must_hear(port, "owner {output,stdout,\"1\"}");
  ask(port, WAY_FRAME, 0, "{eval, &1, `print 1`}");
  must_hear(port, "owner {output,stdout,\"1\"}");
  must_hear(port, "owner {reply,&1,{ok,nil}}");
  port->home.reading = READING_FAR_BEHIND;
  ask(port, WAY_REQUEST, CALLER,
      "{eval, 1, `begin; print 1; rescue IOError => e; e.message; end`}");
  must_be_answered(port, ANSWER_NOW, "{ok,\"too much is printed *");
  /* Another's request; then the owner waits behind it. */
  uint64_t token;
  ask(port, WAY_REQUEST, OTHER, "{eval, 1, `begin; print 1; rescue IOError; 2; end`}");
  must_be_answered(port, ANSWER_LATER, NULL);
  token = port->answer.token;
  drain(port);
  assert_true(interp_is_busy(port->interp));
  (void)token_of(port, "{eval, 1, `3`}");
  must_become((drain(port), !interp_is_busy(port->interp)));
  claim(port, OTHER, token, "&1");
  must_be_answered(port, ANSWER_NOW, "{ok,2}");
  must_hear_nothing(port);
  close_port(port);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(a_request_that_begins_in_the_pool_is_answered_late_each_way),
      TEST(a_request_that_overruns_its_inline_slice_goes_on_in_the_pool_each_way),
      TEST(a_request_that_waits_holds_no_thread_and_is_answered_late_each_way),
      TEST(a_request_that_comes_while_a_large_heap_is_there_begins_in_the_pool),
      TEST(an_interrupt_by_id_stops_that_request_alone),
      TEST(an_interrupt_without_an_id_stops_what_runs_and_nothing_that_waits),
      TEST(an_interrupt_wakes_a_request_that_sleeps),
      TEST(a_request_that_is_interrupted_before_it_begins_does_not_run),
      TEST(an_interrupt_of_a_cast_is_told_to_the_owner_and_ends_nothing),
      TEST(what_ruby_prints_is_sent_to_the_owner_as_frames),
      TEST(in_line_mode_only_text_is_sent),
      TEST(output_that_is_larger_than_a_frame_is_not_lost),
      TEST(a_reply_that_is_larger_than_a_frame_is_an_error),
      TEST(an_error_is_a_whole_term_however_small_the_frames_and_large_the_id),
      TEST(large_requests_and_replies_leave_no_memory_behind),
      TEST(exit_answers_its_request_and_ends_the_interpreter_with_the_status),
      TEST(exit_in_a_cast_ends_the_interpreter_with_the_status),
      TEST(exit_now_ends_the_interpreter_and_answers_closed),
      TEST(blocks_of_at_exit_run_before_the_last_frame),
      TEST(a_cast_that_raises_ends_the_interpreter_with_its_error),
      TEST(the_error_of_a_cast_that_is_larger_than_a_frame_is_told_in_short),
      TEST(a_cast_without_memory_ends_the_interpreter),
      TEST(a_request_without_memory_is_told_so_and_the_interpreter_goes_on),
      TEST(a_script_that_is_killed_ends_the_interpreter_with_the_reason),
      TEST(a_script_that_is_killed_inline_ends_the_interpreter_too),
      TEST(a_script_that_fights_its_timeout_is_killed),
      TEST(what_is_queued_when_the_interpreter_ends_is_answered_each_way),
      TEST(a_token_that_was_not_claimed_when_the_interpreter_ended_tells_so),
      TEST(the_port_is_not_to_be_closed_before_the_last_frame_is_sent),
      cmocka_unit_test(who_prints_faster_than_it_is_read_waits),
      cmocka_unit_test(an_owner_that_waits_for_the_answer_is_not_waited_for),
  };
  return cmocka_run_group_tests(tests, start_watchdog, stop_watchdog);
}
