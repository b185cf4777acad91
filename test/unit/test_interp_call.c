/* Tests of driver/interp_call.c: Erlang functions that a job calls, what these ask of the
 * interpreter meanwhile, and every way in which either of them can end. */
#include "interp_fixture.h"
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

#define OTHER 78 /* a process that is not CALLER */

/* --- asking for a function, and returning --- */

/* The {Token, Number} in the text of a call, as text. */
static const char *call_id(const char *text)
{
  static char id[60];
  const char *start = strstr(text, "{call,");
  assert_non_null(start);
  start += strlen("{call,");
  size_t length = strcspn(start, "}") + 1;
  assert_true(length < sizeof id);
  memcpy(id, start, length);
  id[length] = '\0';
  return id;
}

/* The last request was answered with this call: its id. */
static const char *must_call(struct port *port, const char *name_and_arguments)
{
  char pattern[300];
  (void)snprintf(pattern, sizeof pattern, "{call,{*,*},%s}", name_and_arguments);
  must_be_answered(port, ANSWER_NOW, pattern);
  assert_true(port->answer.watch_caller);
  return call_id(port->text);
}

/* The next message is this call: its id. `to` is as in must_hear, up to the term. */
static const char *must_hear_call(struct port *port, const char *to, const char *name_and_arguments)
{
  char pattern[300];
  must_become(
      (drain(port), has_message(port))); /* on a slow machine it may have left its callback */
  const char *id = call_id(port->home.messages[port->home.taken]);
  (void)snprintf(pattern, sizeof pattern, "%s {call,{*,*},%s}", to, name_and_arguments);
  must_hear(port, pattern);
  return id;
}

static void give_back(struct port *port, enum way way, uintptr_t from, const char *id,
                      const char *result)
{
  char text[400];
  (void)snprintf(text, sizeof text, "{return, %s, %s}", id, result);
  ask(port, way, from, text);
}

static void take(struct port *port, uintptr_t handler, const char *id)
{
  char text[100];
  (void)snprintf(text, sizeof text, "{take, %s}", id);
  ask(port, WAY_REQUEST, handler, text);
}

static void must_be_gone(struct port *port) { must_be_answered(port, ANSWER_NOW, "{error,gone}"); }

static void must_be_idle(struct port *port)
{
  assert_false(interp_is_busy(port->interp));
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `1 + 1`}");
  must_be_answered(port, ANSWER_NOW, "{ok,2}");
}

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

static void what_comes_back_may_be_long_and_then_goes_on_in_the_pool(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `Erlang.call(:f).size`}");
  const char *id = must_call(port, "\"f\",[]");
  char *text = malloc(20000);
  assert_non_null(text);
  (void)snprintf(text, 20000, "{return, %s, {ok, `%09000d`}}", id, 0);
  ask(port, WAY_REQUEST, CALLER, text);
  free(text);
  must_be_answered(port, ANSWER_LATER, NULL);
  assert_true(interp_in_pool(port->interp));
  drain(port);
  claim(port, CALLER, port->answer.token, "&2");
  must_be_answered(port, ANSWER_NOW, "{ok,9000}");
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
    (void)snprintf(ids[depth], sizeof ids[depth], "%s", call_id(port->text));
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

/* --- ends of a request that calls --- */

static void its_time_passes_while_the_function_runs(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `Erlang.call(:f)`, #{timeout => 3}}");
  char id[60];
  (void)snprintf(id, sizeof id, "%s", must_call(port, "\"f\",[]"));
  must_become((drain(port), !interp_is_busy(port->interp)));
  give_back(port, WAY_REQUEST, CALLER, id, "{ok, 1}");
  must_be_gone(port);
  uint64_t token = strtoull(id + 1, NULL, 10);
  claim(port, CALLER, token, "&1");
  must_be_answered(port, ANSWER_NOW, "{error,timeout}");
  must_be_idle(port);
  close_port(port);
}

static void its_time_runs_on_from_call_to_call(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `loop { Erlang.call(:f) }`, #{timeout => 20}}");
  int64_t began = test_now_ns();
  unsigned calls = 0;
  while (port->answer.kind == ANSWER_NOW && strstr(port->text, "{call,")) {
    assert_true(test_now_ns() - began < INT64_C(100000000000));
    give_back(port, WAY_REQUEST, CALLER, call_id(port->text), "{ok, 1}");
    drain(port);
    calls++;
  }
  assert_true(calls > 10);
  if (port->answer.kind == ANSWER_LATER) {
    drain(port);
    claim(port, CALLER, port->answer.token, "&1");
  }
  if (strstr(port->text, "gone")) {
    must_become((drain(port), !interp_is_busy(port->interp)));
  } else {
    must_be_answered(port, ANSWER_NOW, "{error,timeout}");
  }
  must_be_idle(port);
  close_port(port);
}

static void an_interrupt_stops_a_request_that_waits_for_a_function(void **state)
{
  (void)state;
  struct port *port = open_port("");
  for (size_t i = 0; i < 2; i++) {
    ask(port, WAY_ASYNC, CALLER,
        "{eval, &1, `begin; Erlang.call(:f); rescue Exception => e; print e.class; raise; end`}");
    const char *id = must_hear_call(port, "answer 77 &1", "\"f\",[]");
    take(port, CALLER, id);
    ask(port, WAY_FRAME, 0, i == 0 ? "interrupt" : "{interrupt, &1}");
    drain(port);
    must_hear(port, "owner {output,stdout,\"Erlang::Interrupt\"}");
    must_hear(port, "answer 77 &1 {error,interrupted}");
    give_back(port, WAY_REQUEST, CALLER, id, "{ok, 1}");
    must_be_gone(port);
    must_be_idle(port);
  }
  close_port(port);
}

static void a_stop_of_the_lower_one_stops_what_runs_upon_it(void **state)
{
  (void)state;
  struct port *port = open_port("slice=1000");
  ask(port, WAY_ASYNC, CALLER, "{eval, &1, `Erlang.call(:f)`}");
  const char *id = must_hear_call(port, "answer 77 &1", "\"f\",[]");
  take(port, CALLER, id);
  ask(port, WAY_ASYNC, CALLER, "{eval, &2, `loop {}`}");
  assert_true(interp_in_pool(port->interp));
  ask(port, WAY_FRAME, 0, "{interrupt, &1}");
  drain(port);
  must_hear(port, "answer 77 &2 {error,interrupted}");
  must_hear(port, "answer 77 &1 {error,interrupted}");
  must_be_idle(port);
  /* The other way round nothing happens to the lower one. */
  ask(port, WAY_ASYNC, CALLER, "{eval, &1, `Erlang.call(:f)`}");
  id = must_hear_call(port, "answer 77 &1", "\"f\",[]");
  take(port, CALLER, id);
  ask(port, WAY_ASYNC, CALLER, "{eval, &2, `loop {}`}");
  ask(port, WAY_FRAME, 0, "{interrupt, &2}");
  drain(port);
  must_hear(port, "answer 77 &2 {error,interrupted}");
  must_hear_nothing(port);
  give_back(port, WAY_REQUEST, CALLER, id, "{ok, 9}");
  must_hear(port, "answer 77 &1 {ok,9}");
  must_be_idle(port);
  close_port(port);
}

static void the_time_of_the_lower_one_ends_what_runs_upon_it(void **state)
{
  (void)state;
  struct port *port = open_port("slice=1000");
  ask(port, WAY_ASYNC, CALLER, "{eval, &1, `Erlang.call(:f)`, #{timeout => 5}}");
  take(port, CALLER, must_hear_call(port, "answer 77 &1", "\"f\",[]"));
  ask(port, WAY_ASYNC, CALLER, "{eval, &2, `loop {}`}");
  must_become((drain(port), has_message(port)));
  must_hear(port, "answer 77 &2 {error,timeout}");
  must_become((drain(port), has_message(port)));
  must_hear(port, "answer 77 &1 {error,timeout}");
  must_be_idle(port);
  close_port(port);
}

static void a_stopped_script_may_call_in_its_ensure_but_not_wait_for_ever(void **state)
{
  (void)state;
  struct port *port = open_port("slice=1000 grace=20");
  static const char code[] =
      "{eval, &1, `begin; Erlang.call(:f); ensure; begin; print Erlang.call(:unlock); "
      "rescue Erlang::CallError => e; print e.message; end; end`}";
  ask(port, WAY_ASYNC, CALLER, code);
  (void)must_hear_call(port, "answer 77 &1", "\"f\",[]");
  ask(port, WAY_FRAME, 0, "interrupt");
  drain(port);
  const char *id = must_hear_call(port, "answer 77 &1", "\"unlock\",[]");
  give_back(port, WAY_REQUEST, CALLER, id, "{ok, unlocked}");
  drain(port);
  must_hear(port, "owner {output,stdout,\"unlocked\"}");
  must_hear(port, "answer 77 &1 {error,interrupted}");
  ask(port, WAY_ASYNC, CALLER, code);
  (void)must_hear_call(port, "answer 77 &1", "\"f\",[]");
  ask(port, WAY_FRAME, 0, "interrupt");
  drain(port);
  (void)must_hear_call(port, "answer 77 &1", "\"unlock\",[]");
  must_become((drain(port), has_message(port)));
  must_hear(port, "owner {output,stdout,\"there is nobody who could run the Erlang function\"}");
  must_hear(port, "answer 77 &1 {error,interrupted}");
  must_be_idle(port);
  close_port(port);
}

static void the_patience_with_a_stopped_script_outlasts_a_nested_request(void **state)
{
  (void)state;
  struct port *port = open_port("grace=5");
  ask(port, WAY_ASYNC, CALLER,
      "{eval, &1, `begin; Erlang.call(:f); ensure; begin; Erlang.call(:unlock); "
      "rescue Erlang::CallError => e; print e.reason; end; end`}");
  (void)must_hear_call(port, "answer 77 &1", "\"f\",[]");
  ask(port, WAY_FRAME, 0, "interrupt");
  drain(port);
  take(port, CALLER, must_hear_call(port, "answer 77 &1", "\"unlock\",[]"));
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `1 + 1`}");
  must_be_answered(port, ANSWER_NOW, "{ok,2}");
  must_become((drain(port), has_message(port)));
  must_hear(port, "owner {output,stdout,\"noproc\"}");
  must_hear(port, "answer 77 &1 {error,interrupted}");
  must_be_idle(port);
  close_port(port);
}

static void what_runs_upon_a_stopped_script_has_no_more_time_than_it(void **state)
{
  (void)state;
  struct port *port = open_port("grace=5");
  ask(port, WAY_ASYNC, CALLER,
      "{eval, &1, `begin; Erlang.call(:f); ensure; begin; Erlang.call(:unlock); "
      "rescue Erlang::CallError; end; end`}");
  (void)must_hear_call(port, "answer 77 &1", "\"f\",[]");
  ask(port, WAY_FRAME, 0, "interrupt");
  drain(port);
  take(port, CALLER, must_hear_call(port, "answer 77 &1", "\"unlock\",[]"));
  ask(port, WAY_ASYNC, CALLER, "{eval, &2, `loop {}`, #{timeout => 100000}}");
  must_become((drain(port), has_message(port)));
  must_hear(port, "answer 77 &2 {error,timeout}");
  must_become((drain(port), has_message(port)));
  must_hear(port, "answer 77 &1 {error,interrupted}");
  must_be_idle(port);
  close_port(port);
}

static void a_nested_request_has_a_last_match_of_its_own(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `'abc' =~ /(b)/; Erlang.call(:f); $1`}");
  const char *id = must_call(port, "\"f\",[]");
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `a = $~; 'xyz' =~ /(z)/; [a, $1]`}");
  must_be_answered(port, ANSWER_NOW, "{ok,[nil,\"z\"]}");
  give_back(port, WAY_REQUEST, CALLER, id, "{ok, nil}");
  must_be_answered(port, ANSWER_NOW, "{ok,\"b\"}");
  close_port(port);
}

static void a_caller_that_dies_takes_its_requests_along_also_nested_ones(void **state)
{
  (void)state;
  struct port *port = open_port("slice=1000");
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `Erlang.call(:f)`}");
  (void)must_call(port, "\"f\",[]");
  interp_caller_gone(port->interp, CALLER);
  drain(port);
  assert_false(interp_is_busy(port->interp));
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `Erlang.call(:f)`}");
  (void)must_call(port, "\"f\",[]");
  token_of(port, "{eval, 1, `loop {}`}");
  interp_caller_gone(port->interp, CALLER);
  drain(port);
  must_be_idle(port);
  close_port(port);
}

static void a_handler_that_dies_is_an_exception(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_FRAME, 0,
      "{eval, &1, `begin; Erlang.call(:f); rescue Erlang::CallError => e; "
      "[e.kind, e.reason]; end`}");
  const char *id = must_hear_call(port, "owner", "\"f\",[]");
  take(port, OTHER, id);
  must_be_answered(port, ANSWER_ACCEPTED, NULL);
  interp_caller_gone(port->interp, CALLER);
  must_hear_nothing(port);
  interp_caller_gone(port->interp, OTHER);
  drain(port);
  must_hear(port, "owner {reply,&1,{ok,[exit,noproc]}}");
  give_back(port, WAY_REQUEST, OTHER, id, "{ok, 1}");
  must_be_gone(port);
  must_be_idle(port);
  close_port(port);
}

static void a_close_answers_all_that_stand_upon_one_another(void **state)
{
  (void)state;
  struct port *port = open_port("slice=1000");
  ask(port, WAY_ASYNC, CALLER, "{eval, &1, `Erlang.call(:f)`}");
  take(port, CALLER, must_hear_call(port, "answer 77 &1", "\"f\",[]"));
  ask(port, WAY_ASYNC, CALLER, "{eval, &2, `Erlang.call(:g)`}");
  take(port, CALLER, must_hear_call(port, "answer 77 &2", "\"g\",[]"));
  ask(port, WAY_ASYNC, CALLER, "{eval, &3, `loop {}`}");
  ask(port, WAY_ASYNC, OTHER, "{eval, &4, `1`}");
  close_interp(port);
  bool seen[5] = {false};
  for (int i = 0; i < 4; i++) {
    unsigned caller, id;
    must_become(has_message(port));
    assert_int_equal(
        sscanf(port->home.messages[port->home.taken], "answer %u &%u {error,closed}", &caller, &id),
        2);
    assert_true(id < 5 && !seen[id]);
    seen[id] = true;
    must_hear(port, "answer * {error,closed}");
  }
  must_hear_nothing(port);
  free_port(port);
}

static void a_close_while_a_function_runs_leaves_nothing(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `Erlang.call(:f)`}");
  (void)must_call(port, "\"f\",[]");
  close_port(port);
}

static void what_ends_the_interpreter_ends_all_that_it_runs_upon(void **state)
{
  (void)state;
  static const struct {
    const char *request, *result, *last;
  } ends[] = {
      {"{eval, &2, `exit 3`}", "{error,closed}", "owner {exit,3}"},
      {"{eval, &2, `exit! 4`}", "{error,closed}", "owner {exit,4}"},
      {"{eval, &2, `a = []; loop { a << 'x' * 1000 }`}", "{error,memory_limit}", NULL},
  };
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
    struct port *port = open_port("memory_limit=8388608");
    ask(port, WAY_ASYNC, CALLER, "{eval, &1, `Erlang.call(:f)`}");
    const char *id = must_hear_call(port, "answer 77 &1", "\"f\",[]");
    take(port, CALLER, id);
    ask(port, WAY_ASYNC, OTHER, "{eval, &3, `1`}");
    ask(port, WAY_ASYNC, CALLER, ends[i].request);
    drain(port);
    char pattern[100];
    (void)snprintf(pattern, sizeof pattern, "answer 77 &2 %s", ends[i].result);
    must_hear(port, pattern);
    if (ends[i].last) {
      must_hear(port, "answer 77 &1 {error,closed}");
      must_hear(port, "answer 78 &3 {error,closed}");
      must_hear(port, ends[i].last);
      give_back(port, WAY_REQUEST, CALLER, id, "{ok, 1}");
      must_be_gone(port);
    } else { /* memory that its code has given back is an ordinary error */
      give_back(port, WAY_REQUEST, CALLER, id, "{ok, 1}");
      must_hear(port, "answer 77 &1 {ok,1}");
      drain(port);
      must_hear(port, "answer 78 &3 {ok,1}");
    }
    close_port(port);
  }
}

static void a_request_that_is_given_up_sends_no_call_afterwards(void **state)
{
  (void)state;
  struct port *port = open_port("");
  struct lender lender;
  ask(port, WAY_ASYNC, CALLER, in_pool("&1", "Erlang.call(:f)"));
  port->home.gates = GATE_REPLY; /* the call stands where an answer would */
  start_lender(&lender, port);
  must_become(port->home.held & GATE_REPLY);
  port->home.gates = 0;
  abandon(port, CALLER, "&1");
  assert_true(has_message(port)); /* it had been sent when abandon returned */
  must_hear(port, "answer 77 &1 {call,*}");
  pthread_join(lender.thread, NULL);
  drain(port);
  must_hear_nothing(port);
  must_be_idle(port);
  close_port(port);
}

static void *open_gates_soon(void *data)
{
  struct port *port = data;
  pause_us(3000);
  port->home.gates = 0;
  return NULL;
}

static void a_close_is_told_after_a_call_that_is_on_its_way(void **state)
{
  (void)state;
  struct port *port = open_port("");
  struct lender lender;
  pthread_t opener;
  ask(port, WAY_ASYNC, CALLER, in_pool("&1", "Erlang.call(:f)"));
  port->home.gates = GATE_REPLY;
  start_lender(&lender, port);
  must_become(port->home.held & GATE_REPLY);
  assert_int_equal(pthread_create(&opener, NULL, open_gates_soon, port), 0);
  close_interp(port);
  pthread_join(opener, NULL);
  pthread_join(lender.thread, NULL);
  must_hear(port, "answer 77 &1 {call,*}");
  must_hear(port, "answer 77 &1 {error,closed}");
  must_hear_nothing(port);
  free_port(port);
}

static void nobody_can_be_asked_by_lines(void **state)
{
  (void)state;
  struct port *port = open_port("packet=line");
  ask(port, WAY_FRAME, 0,
      "{eval, `begin; Erlang.call(:f); rescue Erlang::CallError => e; puts e.message; end`}");
  must_hear(port, "text there is nobody who could run the Erlang function*");
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `Erlang.call(:f)`}");
  give_back(port, WAY_REQUEST, CALLER, must_call(port, "\"f\",[]"), "{ok, 8}");
  must_be_answered(port, ANSWER_NOW, "{ok,8}");
  close_port(port);
}

/* --- messages --- */

static void messages_come_to_the_block_in_their_order(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_REQUEST, OTHER, "{message, {early, 1}}");
  must_be_answered(port, ANSWER_ACCEPTED, NULL);
  ask(port, WAY_FRAME, 0, "{message, `early 2`}");
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `Erlang.on_message { |m| p m }; 5`}");
  must_be_answered(port, ANSWER_NOW, "{ok,5}");
  must_hear(port, "owner {output,stdout,\"Erlang::Tuple[:early, 1]\\n\"}");
  must_hear(port, "owner {output,stdout,\"\\x22early 2\\x22\\n\"}");
  ask(port, WAY_REQUEST, OTHER, "{message, [1, [2]]}");
  must_hear(port, "owner {output,stdout,\"[1, [2]]\\n\"}");
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `Erlang.on_message; 6`}");
  ask(port, WAY_REQUEST, OTHER, "{message, 7}");
  must_hear_nothing(port);
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `Erlang.on_message { |m| print m + 1 }; nil`}");
  must_hear(port, "owner {output,stdout,\"8\"}");
  close_port(port);
}

static void a_message_whose_block_fails_ends_the_interpreter(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `Erlang.on_message { |m| raise m }; nil`}");
  ask(port, WAY_REQUEST, OTHER, "{message, `boom`}");
  must_be_answered(port, ANSWER_ACCEPTED, NULL);
  must_hear(port, "owner {exit,{error,#{class=>\"RuntimeError\",message=>\"boom\",*}}}");
  close_port(port);
}

static void a_block_may_call_erlang_and_its_function_ask_back(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_REQUEST, CALLER,
      "{eval, 1, `n = 0; Erlang.on_message { |m| n += Erlang.call(:f, m) }; nil`}");
  ask(port, WAY_REQUEST, OTHER, "{message, 5}");
  const char *id = must_hear_call(port, "owner", "\"f\",[5]");
  ask(port, WAY_REQUEST, OTHER, "{message, 6}");
  take(port, CALLER, id);
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `n = 1000`}");
  must_be_answered(port, ANSWER_NOW, "{ok,1000}");
  give_back(port, WAY_REQUEST, CALLER, id, "{ok, 50}");
  must_be_answered(port, ANSWER_ACCEPTED, NULL);
  drain(port);
  give_back(port, WAY_REQUEST, CALLER, must_hear_call(port, "owner", "\"f\",[6]"), "{ok, 60}");
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `n`}");
  must_be_answered(port, ANSWER_NOW, "{ok,110}"); /* `n +=` had read the 0 before */
  close_port(port);
}

static void what_ruby_sends_is_passed_on_or_else_goes_to_the_owner(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `Erlang.send(:name, [1, :two])`}");
  must_be_answered(port, ANSWER_NOW, "{ok,[1,two]}");
  must_hear(port, "post {send,name,[1,two]}");
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `Erlang.send('name', 1)`}");
  must_hear(port, "post {send,\"name\",1}");
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `Erlang.send(Erlang::Tuple[:a, :b], 1)`}");
  must_hear(port, "post {send,{a,b},1}");
  ask(port, WAY_REQUEST, CALLER,
      "{eval, 1, `Erlang.send(x, y)`, #{bindings => #{x => &4, y => 2}}}");
  must_hear(port, "post {send,&4,2}");
  port->home.posting = SENT_NEVER;
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `Erlang.send(:name, 2); nil`}");
  must_hear(port, "owner {send,name,2}");
  static const char *const wrong[] = {"1", "nil", "[:a, :b]", "Erlang::Tuple[:a]", "Object.new"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    char text[100];
    (void)snprintf(text, sizeof text, "{eval, 1, `Erlang.send(%s, 1)`}", wrong[i]);
    ask(port, WAY_REQUEST, CALLER, text);
    must_be_answered(port, ANSWER_NOW, "{error,#{class=>\"TypeError\",*}}");
  }
  close_port(port);
}

static void who_sends_faster_than_it_is_passed_on_waits(void **state)
{
  (void)state;
  struct port *port = open_port("");
  port->home.posting = SENT_LATER;
  uint64_t token = token_of(port, "{eval, 1, `Erlang.send(:name, 1); :sent`}");
  must_hear_nothing(port);
  must_become(interp_in_pool(port->interp));
  drain(port);
  must_hear_nothing(port);
  port->home.posting = SENT;
  must_become((drain(port), has_message(port)));
  must_hear(port, "post {send,name,1}");
  claim(port, CALLER, token, "&1");
  must_be_answered(port, ANSWER_NOW, "{ok,sent}");
  port->home.posting = SENT_LATER;
  token = token_of(port, "{eval, 1, `Erlang.send(:name, 1)`, #{timeout => 2}}");
  must_become((drain(port), !interp_is_busy(port->interp)));
  claim(port, CALLER, token, "&1");
  must_be_answered(port, ANSWER_NOW, "{error,timeout}");
  close_port(port);
}

static void self_is_the_owner_once_it_is_told(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `Erlang.self`}");
  must_be_answered(port, ANSWER_NOW, "{ok,nil}");
  ask(port, WAY_REQUEST, CALLER, "{owner, 1, nobody}");
  must_be_answered(port, ANSWER_NOW, "{error,{bad_request,\"the owner must be a pid\"}}");
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
      cmocka_unit_test(what_comes_back_may_be_long_and_then_goes_on_in_the_pool),
      cmocka_unit_test(a_function_that_fails_is_an_exception_with_all_it_tells),
      cmocka_unit_test(what_has_no_form_in_ruby_is_an_exception_where_it_was_called),
      cmocka_unit_test(a_return_that_is_wrong_is_refused_and_the_call_waits_on),
      cmocka_unit_test(what_the_handler_asks_runs_at_once_and_others_wait),
      cmocka_unit_test(what_the_handler_asks_may_take_its_time_in_the_pool),
      cmocka_unit_test(functions_and_requests_nest_up_to_a_limit),
      cmocka_unit_test(a_call_in_a_fiber_keeps_it_and_what_runs_upon_it_can_t_leave_it),
      cmocka_unit_test(its_time_passes_while_the_function_runs),
      cmocka_unit_test(its_time_runs_on_from_call_to_call),
      cmocka_unit_test(an_interrupt_stops_a_request_that_waits_for_a_function),
      cmocka_unit_test(a_stop_of_the_lower_one_stops_what_runs_upon_it),
      cmocka_unit_test(the_time_of_the_lower_one_ends_what_runs_upon_it),
      cmocka_unit_test(a_stopped_script_may_call_in_its_ensure_but_not_wait_for_ever),
      cmocka_unit_test(the_patience_with_a_stopped_script_outlasts_a_nested_request),
      cmocka_unit_test(what_runs_upon_a_stopped_script_has_no_more_time_than_it),
      cmocka_unit_test(a_nested_request_has_a_last_match_of_its_own),
      cmocka_unit_test(a_caller_that_dies_takes_its_requests_along_also_nested_ones),
      cmocka_unit_test(a_handler_that_dies_is_an_exception),
      cmocka_unit_test(a_close_answers_all_that_stand_upon_one_another),
      cmocka_unit_test(a_close_while_a_function_runs_leaves_nothing),
      cmocka_unit_test(what_ends_the_interpreter_ends_all_that_it_runs_upon),
      cmocka_unit_test(a_request_that_is_given_up_sends_no_call_afterwards),
      cmocka_unit_test(a_close_is_told_after_a_call_that_is_on_its_way),
      cmocka_unit_test(nobody_can_be_asked_by_lines),
      cmocka_unit_test(messages_come_to_the_block_in_their_order),
      cmocka_unit_test(a_message_whose_block_fails_ends_the_interpreter),
      cmocka_unit_test(a_block_may_call_erlang_and_its_function_ask_back),
      cmocka_unit_test(what_ruby_sends_is_passed_on_or_else_goes_to_the_owner),
      cmocka_unit_test(who_sends_faster_than_it_is_passed_on_waits),
      cmocka_unit_test(self_is_the_owner_once_it_is_told),
  };
  return cmocka_run_group_tests(tests, start_watchdog, stop_watchdog);
}
