/* Tests of driver/interp_call.c: every way in which a request that calls an Erlang function can end,
 * and what stands upon it. */
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
    give_back(port, WAY_REQUEST, CALLER, must_call(port, "\"f\",[]"), "{ok, 1}");
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

/* mruby's list of what the collector must keep is full, and there is no memory for a longer one: the
 * first object that is kept raises, before anything of the nested request is protected. */
static void what_raises_unprotected_never_unwinds_the_request_below(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_REQUEST, CALLER,
      "{eval, 1, `begin; /a/ =~ 'a'; Erlang.call(:f); rescue NoMemoryError; :unwound; end`}");
  (void)must_call(port, "\"f\",[]");
  struct interp *interp = port->interp; /* WAITING: nobody else looks */
  mrb_gc *gc = &interp->ruby.mrb->gc;
  int entries = 1 << 16;
  struct RBasic **longer =
      heap_resize(interp->heap, gc->arena, (size_t)entries * sizeof *gc->arena);
  assert_non_null(longer);
  gc->arena = longer;
  for (int i = gc->arena_idx; i < entries - 1; i++) longer[i] = longer[0];
  gc->arena_capa = entries;
  gc->arena_idx = entries - 1;
  interp->slice.memory_limit = heap_used(interp->heap);
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `2`}");
  if (port->answer.kind == ANSWER_LATER) {
    drain(port);
    claim(port, CALLER, port->answer.token, "&2");
  }
  must_be_answered(port, ANSWER_NOW, "{error,aborted}");
  must_hear(port, "owner {exit,aborted}");
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

int main(void)
{
  const struct CMUnitTest tests[] = {
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
      cmocka_unit_test(what_raises_unprotected_never_unwinds_the_request_below),
      cmocka_unit_test(a_close_answers_all_that_stand_upon_one_another),
      cmocka_unit_test(a_close_while_a_function_runs_leaves_nothing),
      cmocka_unit_test(what_ends_the_interpreter_ends_all_that_it_runs_upon),
      cmocka_unit_test(a_request_that_is_given_up_sends_no_call_afterwards),
      cmocka_unit_test(a_close_is_told_after_a_call_that_is_on_its_way),
      cmocka_unit_test(nobody_can_be_asked_by_lines),
  };
  return cmocka_run_group_tests(tests, start_watchdog, stop_watchdog);
}
