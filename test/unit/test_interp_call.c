/* Tests of driver/interp_call.c: Erlang functions that a job calls, and what these ask of the
 * interpreter meanwhile. */
#include "interp_fixture.h"
#include "interp_state.h"
#include "job_fixture.h"
#include "sanitizers.h"
#include "terms.h"
#include "waiting.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- asking for a function, and returning --- */

/* --- the way there and back --- */

static void a_call_made_in_the_callback_is_its_answer_and_so_is_what_follows(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_REQUEST, CALLER, "{eval, &1, `Erlang.call(:add, 1, [2, :three]) * 2`}");
  const char *id = must_call(port, "\"add\",[1,[2,three]]");
  must_hear_nothing(port);
  assert_true(interp_is_busy(port->interp));
  assert_false(interp_in_pool(port->interp));
  give_back(port, WAY_REQUEST, CALLER, id, "{ok, 21}");
  must_be_answered(port, ANSWER_NOW, "{ok,42}");
  must_be_idle(port);
  ask(port, WAY_CONTROL, CALLER, "{eval, &1, `Erlang.call('add', nil)`}");
  id = must_call(port, "\"add\",[nil]");
  give_back(port, WAY_CONTROL, CALLER, id, "{ok, {a, `b`}}");
  must_be_answered(port, ANSWER_NOW, "{reply,&1,{ok,{a,\"b\"}}}");
  must_be_idle(port);
  close_port(port);
}

static void a_call_of_the_owners_request_is_a_frame_to_the_owner(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_FRAME, 0, "{eval, &1, `Erlang.call(:f)`}");
  const char *id = must_hear_call(port, "owner", "\"f\",[]");
  give_back(port, WAY_FRAME, 0, id, "{ok, 5}");
  must_be_answered(port, ANSWER_NONE, NULL);
  must_hear(port, "owner {reply,&1,{ok,5}}");
  ask(port, WAY_FRAME, 0, "{eval, `Erlang.call(:g, 1); print 2`}");
  id = must_hear_call(port, "owner", "\"g\",[1]");
  give_back(port, WAY_FRAME, 0, id, "{ok, nil}");
  must_hear(port, "owner {output,stdout,\"2\"}");
  must_be_idle(port);
  close_port(port);
}

static void a_call_of_an_asynchronous_request_is_a_message_and_is_taken(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_ASYNC, CALLER, "{eval, &1, `Erlang.call(:f) + Erlang.call(:g)`}");
  must_be_answered(port, ANSWER_NONE, NULL);
  const char *id = must_hear_call(port, "answer 77 &1", "\"f\",[]");
  take(port, CALLER, id);
  must_be_answered(port, ANSWER_ACCEPTED, NULL);
  assert_true(port->answer.watch_caller);
  take(port, OTHER, id);
  must_be_gone(port);
  give_back(port, WAY_REQUEST, CALLER, id, "{ok, 1}");
  must_be_answered(port, ANSWER_ACCEPTED, NULL);
  id = must_hear_call(port, "answer 77 &1", "\"g\",[]");
  give_back(port, WAY_REQUEST, OTHER, id, "{ok, 2}"); /* nobody took it: that does no harm */
  must_hear(port, "answer 77 &1 {ok,3}");
  give_back(port, WAY_REQUEST, OTHER, id, "{ok, 2}");
  must_be_gone(port);
  must_be_idle(port);
  close_port(port);
}

static void a_call_made_in_the_pool_waits_for_the_claim_of_the_token(void **state)
{
  (void)state;
  struct port *port = open_port("");
  uint64_t token = token_of(port, in_pool("&1", "Erlang.call(:f, 1)"));
  drain(port);
  must_hear_nothing(port);
  claim(port, OTHER, token, "&2");
  must_be_answered(port, ANSWER_NOW, "{error,{bad_request,*}}");
  claim(port, CALLER, token, "&2");
  const char *id = must_call(port, "\"f\",[1]");
  give_back(port, WAY_REQUEST, CALLER, id, "{ok, 6}");
  must_be_answered(port, ANSWER_NOW, "{ok,6}");
  must_be_idle(port);
  close_port(port);
}

static void a_call_made_after_the_claim_is_a_message(void **state)
{
  (void)state;
  struct port *port = open_port("");
  uint64_t token = token_of(port, in_pool("&1", "Erlang.call(:f, 1)"));
  claim(port, CALLER, token, "&2");
  must_be_answered(port, ANSWER_LATER, NULL);
  drain(port);
  const char *id = must_hear_call(port, "answer 77 &2", "\"f\",[1]");
  take(port, CALLER, id);
  must_be_answered(port, ANSWER_ACCEPTED, NULL);
  give_back(port, WAY_REQUEST, CALLER, id, "{ok, 6}");
  must_be_answered(port, ANSWER_ACCEPTED, NULL);
  must_hear(port, "answer 77 &2 {ok,6}");
  must_be_idle(port);
  close_port(port);
}

static void a_call_from_the_pool_of_a_control_is_a_frame_to_its_caller(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_CONTROL, CALLER, in_pool("&1", "Erlang.call(:f)"));
  must_be_answered(port, ANSWER_LATER, NULL);
  drain(port);
  const char *id = must_hear_call(port, "caller 77", "\"f\",[]");
  give_back(port, WAY_CONTROL, CALLER, id, "{ok, 6}");
  must_be_answered(port, ANSWER_NOW, "{reply,&1,{ok,6}}");
  must_be_idle(port);
  close_port(port);
}

static void many_calls_in_a_row_are_each_the_answer_to_the_return_before(void **state)
{
  (void)state;
  struct port *port = open_port("");
  char result[30];
  ask(port, WAY_REQUEST, CALLER,
      "{eval, 1, `sum = 0; 1000.times { |i| sum += Erlang.call(:twice, i) }; sum`}");
  for (int i = 0; i < 1000; i++) {
    char pattern[40];
    (void)snprintf(pattern, sizeof pattern, "\"twice\",[%d]", i);
    const char *id = must_call(port, pattern);
    (void)snprintf(result, sizeof result, "{ok, %d}", 2 * i);
    give_back(port, WAY_REQUEST, CALLER, id, result);
  }
  must_be_answered(port, ANSWER_NOW, "{ok,999000}");
  must_be_idle(port);
  close_port(port);
}

static void what_a_function_returned_is_freed_once_ruby_has_it(void **state)
{
  (void)state;
  struct port *port = open_port("");
  static const char *const results[] = {"{ok, [1, 2]}", "{error, wrong}"};
  for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
    ask(port, WAY_FRAME, 0,
        "{eval, `begin; Erlang.call(:f); rescue Erlang::CallError; end; sleep 1000`}");
    const char *id = must_hear_call(port, "owner", "\"f\",[]");
    give_back(port, WAY_REQUEST, OTHER, id, results[i]);
    drain(port);
    const struct job *job = port->interp->current; /* WAITING: nobody else looks */
    assert_int_equal(job->call->state, CALL_NONE);
    assert_null(job->call->result);
    ask(port, WAY_FRAME, 0, "interrupt");
    drain(port);
    must_hear(port, "owner {reply,undefined,{error,interrupted}}");
  }
  close_port(port);
}

static void what_comes_back_may_be_long_and_then_goes_on_in_the_pool(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `Erlang.call(:f).size`}");
  const char *id = must_call(port, "\"f\",[]");
  char *text = malloc(50000);
  assert_non_null(text);
  (void)snprintf(text, 50000, "{return, %s, {ok, `%040000d`}}", id, 0);
  ask(port, WAY_REQUEST, CALLER, text);
  free(text);
  must_be_answered(port, ANSWER_LATER, NULL);
  assert_true(interp_in_pool(port->interp));
  drain(port);
  claim(port, CALLER, port->answer.token, "&2");
  must_be_answered(port, ANSWER_NOW, "{ok,40000}");
  must_be_idle(port);
  close_port(port);
}

static void a_function_that_fails_is_an_exception_with_all_it_tells(void **state)
{
  (void)state;
  struct port *port = open_port("max_depth=4");
  static const char code[] = "{eval, 1, `begin; Erlang.call(:f); rescue => e; "
                             "[e.class.to_s, e.message, e.kind, e.reason, e.stack]; end`}";
  ask(port, WAY_REQUEST, CALLER, code);
  give_back(port, WAY_REQUEST, CALLER, must_call(port, "\"f\",[]"),
            "{error, #{class => throw, reason => {no, 1}, message => `throw: {no,1}`, "
            "stack => [`m:f/1`]}}");
  must_be_answered(port, ANSWER_NOW,
                   "{ok,[\"Erlang::CallError\",\"throw: {no,1}\",throw,{no,1},[\"m:f/1\"]]}");
  ask(port, WAY_REQUEST, CALLER, code);
  give_back(port, WAY_REQUEST, CALLER, must_call(port, "\"f\",[]"), "{error, enoent}");
  must_be_answered(port, ANSWER_NOW, "{ok,[\"Erlang::CallError\",\":enoent\",error,enoent,[]]}");
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `Erlang.call(:f)`}");
  give_back(port, WAY_REQUEST, CALLER, must_call(port, "\"f\",[]"),
            "{error, #{class => error, reason => [[[[[[1]]]]]], message => `bad`, stack => []}}");
  must_be_answered(port, ANSWER_NOW,
                   "{error,#{class=>\"Erlang::CallError\",message=>\"bad\",backtrace=>[*]}}");
  must_be_idle(port);
  close_port(port);
}

static void what_has_no_form_in_ruby_is_an_exception_where_it_was_called(void **state)
{
  (void)state;
  struct port *port = open_port("max_depth=4");
  ask(port, WAY_REQUEST, CALLER,
      "{eval, 1, `begin; Erlang.call(:f); rescue => e; e.class; end.to_s`}");
  give_back(port, WAY_REQUEST, CALLER, must_call(port, "\"f\",[]"), "{ok, [[[[[1]]]]]}");
  must_be_answered(port, ANSWER_NOW, "{ok,\"Erlang::TermError\"}");
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `Erlang.call(:f, Object.new)`}");
  must_be_answered(port, ANSWER_NOW, "{error,#{class=>\"Erlang::TermError\",*}}");
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `Erlang.call(1)`}");
  must_be_answered(port, ANSWER_NOW, "{error,#{class=>\"TypeError\",*}}");
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `Erlang.call`}");
  must_be_answered(port, ANSWER_NOW, "{error,#{class=>\"ArgumentError\",*}}");
  must_be_idle(port);
  close_port(port);
}

static void a_return_that_is_wrong_is_refused_and_the_call_waits_on(void **state)
{
  (void)state;
  struct port *port = open_port("");
  static const char *const wrong[] = {"5", "{ok}", "{ok, 1, 2}", "{fine, 1}", "ok", "[ok, 1]"};
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `Erlang.call(:f)`}");
  const char *id = must_call(port, "\"f\",[]");
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    give_back(port, WAY_REQUEST, CALLER, id, wrong[i]);
    must_be_answered(port, ANSWER_NOW, "{error,{bad_request,\"the result of a call must be *\"}}");
  }
  give_back(port, WAY_REQUEST, CALLER, "{1, 900}", "{ok, 1}");
  must_be_gone(port);
  give_back(port, WAY_REQUEST, CALLER, "900", "{ok, 1}");
  must_be_answered(port, ANSWER_NOW, "{error,{bad_request,\"the CallId is not one of *\"}}");
  give_back(port, WAY_FRAME, 0, "{1, 900}", "{ok, 1}");
  give_back(port, WAY_CONTROL, CALLER, "{1, 900}", "{ok, 1}");
  must_be_answered(port, ANSWER_NONE, NULL);
  must_hear_nothing(port);
  give_back(port, WAY_REQUEST, CALLER, id, "{ok, 1}");
  must_be_answered(port, ANSWER_NOW, "{ok,1}");
  close_port(port);
}

/* --- requests of the function's --- */

static void what_the_handler_asks_runs_at_once_and_others_wait(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `a = 1; b = Erlang.call(:f); [a, b]`}");
  const char *id = must_call(port, "\"f\",[]");
  ask(port, WAY_ASYNC, OTHER, "{eval, &5, `a += 100`}");
  must_hear_nothing(port);
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `a += 1`}");
  must_be_answered(port, ANSWER_NOW, "{ok,2}");
  ask(port, WAY_CONTROL, CALLER, "{eval, &6, `a += 1`}");
  must_be_answered(port, ANSWER_NOW, "{reply,&6,{ok,3}}");
  ask(port, WAY_ASYNC, CALLER, "{eval, &7, `a += 1`}");
  must_hear(port, "answer 77 &7 {ok,4}");
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `raise 'no'`}");
  must_be_answered(port, ANSWER_NOW, "{error,#{class=>\"RuntimeError\",*}}");
  must_hear_nothing(port);
  give_back(port, WAY_REQUEST, CALLER, id, "{ok, x}");
  must_be_answered(port, ANSWER_NOW, "{ok,[4,x]}");
  must_hear_nothing(port);
  drain(port);
  must_hear(port, "answer 78 &5 {ok,104}");
  must_be_idle(port);
  close_port(port);
}

static void what_the_handler_asks_may_take_its_time_in_the_pool(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `Erlang.call(:f)`}");
  char id[60];
  (void)snprintf(id, sizeof id, "%s", must_call(port, "\"f\",[]"));
  uint64_t token = token_of(port, "{eval, 1, `sleep 0.003; :slept`}");
  token_of(port, "{eval, 1, `:second`}"); /* behind the one that sleeps */
  uint64_t second = port->answer.token;
  claim(port, CALLER, token, "&2");
  must_become((drain(port), has_message(port)));
  must_hear(port, "answer 77 &2 {ok,slept}");
  drain(port);
  claim(port, CALLER, second, "&3");
  must_be_answered(port, ANSWER_NOW, "{ok,second}");
  token = token_of(port, in_pool("1", ":long"));
  /* A return that comes before what was asked for is over: that is over first. */
  give_back(port, WAY_REQUEST, CALLER, id, "{ok, back}");
  must_be_answered(port, ANSWER_LATER, NULL);
  uint64_t outer = port->answer.token;
  drain(port);
  claim(port, CALLER, token, "&4");
  must_be_answered(port, ANSWER_NOW, "{ok,long}");
  claim(port, CALLER, outer, "&5");
  must_be_answered(port, ANSWER_NOW, "{ok,back}");
  must_be_idle(port);
  close_port(port);
}

static void functions_and_requests_nest_up_to_a_limit(void **state)
{
  (void)state;
  struct port *port = open_port("");
  static char ids[100][60];
  unsigned depth = 0;
  for (;; depth++) {
    char text[100];
    assert_true(depth < 100);
    (void)snprintf(text, sizeof text, "{eval, 1, `Erlang.call(:deeper, %u) + 1`}", depth);
    ask(port, WAY_REQUEST, CALLER, text);
    if (!strstr(port->text, "{call,")) break;
    (void)snprintf(ids[depth], sizeof ids[depth], "%s", must_call(port, "\"deeper\",[*]"));
  }
  must_be_answered(port, ANSWER_NOW, "{error,{bad_request,\"*nested too deep\"}}");
  assert_int_equal(depth, 65);
  for (unsigned i = depth; i-- > 0;) {
    char result[30], answer[30];
    (void)snprintf(result, sizeof result, "{ok, %u}", depth - i);
    (void)snprintf(answer, sizeof answer, "{ok,%u}", depth - i + 1);
    give_back(port, WAY_REQUEST, CALLER, ids[i], result);
    must_be_answered(port, ANSWER_NOW, answer);
  }
  must_be_idle(port);
  close_port(port);
}

static void a_call_in_a_fiber_keeps_it_and_what_runs_upon_it_can_t_leave_it(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_REQUEST, CALLER,
      "{eval, 1, `f = Fiber.new { |x| y = Fiber.yield(Erlang.call(:f, x)); Erlang.call(:g, y) }; "
      "[f.resume(1), f.resume(2), f.alive?]`}");
  const char *id = must_call(port, "\"f\",[1]");
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `f.alive?`}");
  must_be_answered(port, ANSWER_NOW, "{ok,true}");
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `Fiber.yield(3)`}");
  must_be_answered(port, ANSWER_NOW, "{error,#{class=>\"FiberError\",*}}");
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `f.resume(3)`}");
  must_be_answered(port, ANSWER_NOW, "{error,#{class=>\"FiberError\",*}}");
  give_back(port, WAY_REQUEST, CALLER, id, "{ok, a}");
  id = must_call(port, "\"g\",[2]");
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `GC.start; x = 'y' * 100; Fiber.new { 5 }.resume`}");
  must_be_answered(port, ANSWER_NOW, "{ok,5}");
  give_back(port, WAY_REQUEST, CALLER, id, "{ok, b}");
  must_be_answered(port, ANSWER_NOW, "{ok,[a,b,false]}");
  must_be_idle(port);
  close_port(port);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_call_made_in_the_callback_is_its_answer_and_so_is_what_follows),
      cmocka_unit_test(a_call_of_the_owners_request_is_a_frame_to_the_owner),
      cmocka_unit_test(a_call_of_an_asynchronous_request_is_a_message_and_is_taken),
      cmocka_unit_test(a_call_made_in_the_pool_waits_for_the_claim_of_the_token),
      cmocka_unit_test(a_call_made_after_the_claim_is_a_message),
      cmocka_unit_test(a_call_from_the_pool_of_a_control_is_a_frame_to_its_caller),
      cmocka_unit_test(many_calls_in_a_row_are_each_the_answer_to_the_return_before),
      cmocka_unit_test(what_a_function_returned_is_freed_once_ruby_has_it),
      cmocka_unit_test(what_comes_back_may_be_long_and_then_goes_on_in_the_pool),
      cmocka_unit_test(a_function_that_fails_is_an_exception_with_all_it_tells),
      cmocka_unit_test(what_has_no_form_in_ruby_is_an_exception_where_it_was_called),
      cmocka_unit_test(a_return_that_is_wrong_is_refused_and_the_call_waits_on),
      cmocka_unit_test(what_the_handler_asks_runs_at_once_and_others_wait),
      cmocka_unit_test(what_the_handler_asks_may_take_its_time_in_the_pool),
      cmocka_unit_test(functions_and_requests_nest_up_to_a_limit),
      cmocka_unit_test(a_call_in_a_fiber_keeps_it_and_what_runs_upon_it_can_t_leave_it),
  };
  return cmocka_run_group_tests(tests, start_watchdog, stop_watchdog);
}
