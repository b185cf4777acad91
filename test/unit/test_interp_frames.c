/* Tests of driver/interpreter.c and interp_call.c: what an owner that knows frames alone can ask for besides.
 * accept, within, read and sent, and the Id that is in the CallId of a frame. */
#include "interp_fixture.h"
#include "interp_state.h"
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

/* The two ways that know frames. */
static const enum way framed[] = {WAY_FRAME, WAY_CONTROL};

/* What has come of {accept, 7, _}: the reply alone, or behind what came before. */
static void must_reply(struct port *port, enum way way, const char *result)
{
  char pattern[300];
  bool returned = way == WAY_CONTROL;
  (void)snprintf(pattern, sizeof pattern, "%s{reply,7,%s}", returned ? "" : "owner ", result);
  must_be_answered(port, returned ? ANSWER_NOW : ANSWER_NONE, pattern);
  if (!returned) must_hear(port, pattern);
}

/* --- accept --- */

static void what_has_no_result_is_accepted_and_carried_out(void **state)
{
  (void)state;
  struct port *port = open_port("");
  for (size_t w = 0; w < 2; w++) {
    ask(port, WAY_REQUEST, CALLER, "{eval, 1, `Erlang.on_message { |m| print m }; nil`}");
    must_be_answered(port, ANSWER_NOW, "{ok,nil}");
    ask(port, framed[w], CALLER, "{accept, 7, <{eval, `print 1`}>}");
    must_hear(port, "owner {output,stdout,\"1\"}");
    must_reply(port, framed[w], "ok");
    ask(port, framed[w], CALLER, "{accept, 7, <{message, 2}>}");
    must_hear(port, "owner {output,stdout,\"2\"}");
    must_reply(port, framed[w], "ok");
    ask(port, framed[w], CALLER, "{accept, 7, <interrupt>}");
    must_reply(port, framed[w], "ok");
    ask(port, framed[w], CALLER, "{accept, 7, <{interrupt, 1}>}");
    must_reply(port, framed[w], "ok");
    ask(port, framed[w], CALLER, "{accept, 7, <{read, 10}>}");
    must_hear(port, "taken output 10");
    must_reply(port, framed[w], "ok");
    must_hear_nothing(port);
  }
  close_port(port);
}

static void it_is_accepted_while_another_request_runs_and_is_carried_out_later(void **state)
{
  (void)state;
  struct port *port = open_port("");
  for (size_t w = 0; w < 2; w++) {
    ask(port, WAY_FRAME, 0, in_pool("&1", "print 1"));
    ask(port, framed[w], CALLER, "{accept, 7, <{eval, `print 2; $x = 3`}>}");
    must_reply(port, framed[w], "ok");
    must_hear_nothing(port);
    drain(port);
    must_hear(port, "owner {output,stdout,\"1\"}");
    must_hear(port, "owner {reply,&1,{ok,nil}}");
    must_hear(port, "owner {output,stdout,\"2\"}");
  }
  must_be_idle(port);
  close_port(port);
}

static void what_is_refused_is_not_carried_out(void **state)
{
  (void)state;
  struct port *port = open_port("queue_limit=0");
  for (size_t w = 0; w < 2; w++) {
    ask(port, WAY_FRAME, 0, in_pool("&1", "1"));
    ask(port, framed[w], CALLER, "{accept, 7, <{eval, `$ran = true`}>}");
    must_reply(port, framed[w], "{error,busy}");
    ask(port, framed[w], CALLER, "{accept, 7, <{message, a}>}");
    must_reply(port, framed[w], "{error,busy}");
    drain(port);
    must_hear(port, "owner {reply,&1,{ok,1}}");
    ask(port, framed[w], CALLER, "{accept, 7, <{return, {1, 1}, {ok, 1}}>}");
    must_reply(port, framed[w], "{error,gone}");
    ask(port, framed[w], CALLER, "{accept, 7, <{eval, 8, `$ran = true`}>}");
    must_reply(port, framed[w], "{error,{bad_request,\"a request with a result needs no *\"}}");
    ask(port, framed[w], CALLER, "{accept, 7, <{eval, ran}>}");
    must_reply(port, framed[w], "{error,{bad_request,\"the code must be a binary\"}}");
    ask(port, framed[w], CALLER, "{accept, 7, `no term`}");
    must_reply(port, framed[w], "{error,{bad_request,*}}");
    ask(port, framed[w], CALLER, "{accept, 7, not_a_binary}");
    must_reply(port, framed[w], "{error,{bad_request,*}}");
    must_hear_nothing(port);
  }
  ask(port, WAY_FRAME, 0, "{eval, &1, `$ran`}");
  must_hear(port, "owner {reply,&1,{ok,nil}}");
  close_port(port);
}

static void the_answer_to_an_accept_fits_into_a_frame(void **state)
{
  (void)state;
  struct port *port = open_port("packet=1");
  ask(port, WAY_CONTROL, CALLER, "{accept, 7, `no term`}");
  assert_in_range(port->answer.length, 1, 255);
  must_be_answered(port, ANSWER_NOW, "{reply,7,{error,{bad_request,*}}}");
  /* The text that tells all forms is longer than that. */
  ask(port, WAY_CONTROL, CALLER, "{accept, 7, <nonsense>}");
  assert_in_range(port->answer.length, 1, 255);
  must_be_answered(port, ANSWER_NOW, "{reply,7,{error,*}}");
  char text[300];
  (void)snprintf(text, sizeof text, "{accept, `%0200d`, <nonsense>}", 0);
  ask(port, WAY_CONTROL, CALLER, text);
  assert_in_range(port->answer.length, 1, 255);
  must_be_answered(port, ANSWER_NOW, "{reply,\"000*000\",{error,*}}");
  close_port(port);
}

static void an_id_longer_than_a_frame_is_answered(void **state)
{
  (void)state;
  struct port *port = open_port("max_frame=64");
  char text[1000];
  (void)snprintf(text, sizeof text, "{accept, `%0800d`, <{eval, `print 1`}>}", 0);
  ask(port, WAY_FRAME, 0, text);
  must_hear(port, "owner {output,stdout,\"1\"}");
  must_hear(port, "owner {reply,\"0*0\",ok}");
  ask(port, WAY_CONTROL, CALLER, text);
  must_hear(port, "owner {output,stdout,\"1\"}");
  must_be_answered(port, ANSWER_NOW, "{reply,\"0*0\",ok}");
  close_port(port);
}

static void a_caller_by_terms_has_its_answer_without_an_accept(void **state)
{
  (void)state;
  struct port *port = open_port("");
  static const enum way others[] = {WAY_REQUEST, WAY_ASYNC};
  for (size_t w = 0; w < 2; w++) {
    ask(port, others[w], CALLER, "{accept, &7, <{eval, `$ran = true`}>}");
    must_be_answered(port, ANSWER_NOW,
                     "{error,{bad_request,\"{accept, Id, Frame} is for frames\"}}");
  }
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `$ran`}");
  must_be_answered(port, ANSWER_NOW, "{ok,nil}");
  close_port(port);
}

static void an_interpreter_that_has_ended_accepts_nothing(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_FRAME, 0, "{accept, 7, <{eval, `exit 3`}>}");
  must_hear(port, "owner {exit,3}");
  must_reply(port, WAY_FRAME, "ok");
  for (size_t w = 0; w < 2; w++) {
    ask(port, framed[w], CALLER, "{accept, 7, <{eval, `print 1`}>}");
    must_reply(port, framed[w], "{error,closed}");
    ask(port, framed[w], CALLER, "{accept, 7, <{return, {1, 1}, {ok, 1}}>}");
    must_reply(port, framed[w], "{error,gone}");
  }
  close_port(port);
}

static void a_return_that_is_accepted_is_answered_before_what_it_leads_to(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_FRAME, 0, "{eval, &1, `Erlang.call(:f) + Erlang.call(:g)`}");
  char id[60], text[100];
  (void)snprintf(id, sizeof id, "%s", must_hear_call(port, "owner", "\"f\",[]"));
  (void)snprintf(text, sizeof text, "{accept, 7, <{return, %s, {ok, 1}}>}", id);
  ask(port, WAY_FRAME, 0, text);
  const char *next = must_hear_call(port, "owner", "\"g\",[]");
  must_reply(port, WAY_FRAME, "ok");
  ask(port, WAY_FRAME, 0, text); /* a second time */
  must_reply(port, WAY_FRAME, "{error,gone}");
  give_back(port, WAY_FRAME, 0, next, "{ok, 2}");
  must_hear(port, "owner {reply,&1,{ok,3}}");
  must_be_idle(port);
  close_port(port);
}

/* The result of the request is claimed by its token, and is not the answer to the accept. */
static void a_return_that_is_accepted_gives_nothing_else_to_who_asked_by_terms(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `Erlang.call(:f) + Erlang.call(:g)`}");
  char text[100];
  (void)snprintf(text, sizeof text, "{accept, 7, <{return, %s, {ok, 1}}>}",
                 must_call(port, "\"f\",[]"));
  uint64_t token = strtoull(strstr(text, "return, {") + strlen("return, {"), NULL, 10);
  ask(port, WAY_CONTROL, CALLER, text);
  must_reply(port, WAY_CONTROL, "ok");
  drain(port);
  claim(port, CALLER, token, "&1");
  (void)snprintf(text, sizeof text, "{accept, 7, <{return, %s, {ok, 2}}>}",
                 must_call(port, "\"g\",[]"));
  ask(port, WAY_CONTROL, CALLER, text);
  must_reply(port, WAY_CONTROL, "ok");
  drain(port);
  claim(port, CALLER, token, "&2");
  must_be_answered(port, ANSWER_NOW, "{ok,3}");
  must_be_idle(port);
  close_port(port);
}

/* --- the Id of a call --- */

static void the_call_of_a_frame_names_its_request(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_FRAME, 0, "{eval, {my, [id]}, `Erlang.call(:f)`}");
  must_hear(port, "owner {call,{{my,[id]},1},\"f\",[]}");
  ask(port, WAY_FRAME, 0, "{return, {{my, [id]}, 1}, {ok, 1}}");
  must_hear(port, "owner {reply,{my,[id]},{ok,1}}");
  ask(port, WAY_CONTROL, CALLER, "{eval, `c`, `Erlang.call(:f)`}");
  must_be_answered(port, ANSWER_NOW, "{call,{\"c\",2},\"f\",[]}");
  ask(port, WAY_CONTROL, CALLER, "{return, {whatever, 2}, {ok, 1}}"); /* the number counts */
  must_be_answered(port, ANSWER_NOW, "{reply,\"c\",{ok,1}}");
  ask(port, WAY_FRAME, 0, "{eval, `Erlang.call(:f)`}");
  must_hear(port, "owner {call,{undefined,3},\"f\",[]}");
  ask(port, WAY_FRAME, 0, "{return, {undefined, 3}, {ok, 1}}");
  ask(port, WAY_CONTROL, CALLER, "{accept, 7, <{eval, `Erlang.call(:f)`}>}");
  must_reply(port, WAY_CONTROL, "ok");
  must_hear(port, "owner {call,{undefined,4},\"f\",[]}");
  ask(port, WAY_FRAME, 0, "{return, {undefined, 4}, {ok, 1}}");
  ask(port, WAY_REQUEST, CALLER, "{eval, `Erlang.call(:f)`}"); /* the owner knows no token of it */
  must_be_answered(port, ANSWER_ACCEPTED, NULL);
  must_hear(port, "owner {call,{undefined,5},\"f\",[]}");
  ask(port, WAY_FRAME, 0, "{return, {undefined, 5}, {ok, 1}}");
  ask(port, WAY_ASYNC, CALLER, "{eval, &5, `Erlang.call(:f)`}");
  must_hear_call(port, "answer 77 &5", "\"f\",[]");
  ask(port, WAY_REQUEST, CALLER, "{return, {1, 6}, {ok, 6}}");
  must_hear(port, "answer 77 &5 {ok,6}");
  must_be_idle(port);
  close_port(port);
}

static void a_call_whose_id_leaves_no_room_for_it_is_an_exception(void **state)
{
  (void)state;
  struct port *port = open_port("max_frame=400");
  char text[500];
  (void)snprintf(text, sizeof text, "{eval, `%0300d`, `Erlang.call(:f, 'x' * 95) rescue 5`}", 0);
  ask(port, WAY_FRAME, 0, text);
  must_hear(port, "owner {reply,\"0*0\",{ok,5}}");
  close_port(port);
}

/* --- within --- */

static void ask_within(struct port *port, enum way way, const char *id, const char *frame)
{
  char text[INLINE_BYTES + 3000];
  (void)snprintf(text, sizeof text, "{within, %s, <%s>}", id, frame);
  ask(port, way, CALLER, text);
}

static void what_a_function_asks_within_its_call_runs_upon_it(void **state)
{
  (void)state;
  struct port *port = open_port("");
  for (size_t w = 0; w < 2; w++) {
    ask(port, WAY_FRAME, 0, "{eval, &1, `x = 1; Erlang.call(:f) + x`}");
    char id[60];
    (void)snprintf(id, sizeof id, "%s", must_hear_call(port, "owner", "\"f\",[]"));
    ask(port, WAY_FRAME, 0, "{eval, &2, `:queued`}"); /* who says nothing waits */
    must_hear_nothing(port);
    ask_within(port, framed[w], id, "{eval, &1, `x += 1`}");
    must_be_answered_now(port, framed[w], "{ok,2}");
    ask_within(port, framed[w], id, "{call, &1, `no such method`, []}");
    must_be_answered_now(port, framed[w], "{error,#{class=>\"NoMethodError\",*}}");
    ask_within(port, framed[w], id, "{eval, `print x`}");
    must_hear(port, "owner {output,stdout,\"2\"}");
    ask_within(port, framed[w], id, in_pool("&3", ":pooled"));
    drain(port);
    must_hear_late(port, framed[w], "&3", "{ok,pooled}");
    give_back(port, WAY_FRAME, 0, id, "{ok, 40}");
    must_hear(port, "owner {reply,&1,{ok,42}}");
    drain(port);
    must_hear(port, "owner {reply,&2,{ok,queued}}");
    must_hear_nothing(port);
  }
  must_be_idle(port);
  close_port(port);
}

static void within_a_call_that_is_over_it_is_a_request_like_others(void **state)
{
  (void)state;
  struct port *port = open_port("");
  for (size_t w = 0; w < 2; w++) {
    ask(port, WAY_FRAME, 0, "{eval, &1, `Erlang.call(:f)`}");
    char id[60];
    (void)snprintf(id, sizeof id, "%s", must_hear_call(port, "owner", "\"f\",[]"));
    ask_within(port, framed[w], "{undefined, 99}", "{eval, &2, `:queued`}"); /* of no call */
    must_hear_nothing(port);
    give_back(port, WAY_FRAME, 0, id, "{ok, 1}");
    must_hear(port, "owner {reply,&1,{ok,1}}");
    drain(port);
    must_hear_late(port, framed[w], "&2", "{ok,queued}");
    ask_within(port, framed[w], id, "{eval, &1, `:idle`}");
    must_be_answered_now(port, framed[w], "{ok,idle}");
    /* Nor does one that runs elsewhere by now take it upon itself. */
    ask(port, WAY_FRAME, 0, in_pool("&3", "Erlang.call(:f)"));
    ask_within(port, framed[w], id, "{eval, &4, `:behind`}");
    drain(port);
    give_back(port, WAY_FRAME, 0, must_hear_call(port, "owner", "\"f\",[]"), "{ok, 1}");
    must_hear(port, "owner {reply,&3,{ok,1}}");
    drain(port);
    must_hear_late(port, framed[w], "&4", "{ok,behind}");
  }
  must_be_idle(port);
  close_port(port);
}

static void frames_nest_up_to_a_limit(void **state)
{
  (void)state;
  struct port *port = open_port("");
  static char ids[100][60];
  unsigned depth = 0;
  for (;; depth++) {
    char text[200];
    assert_true(depth < 100);
    (void)snprintf(text, sizeof text, "{eval, %u, `Erlang.call(:deeper, %u) + 1`}", depth, depth);
    if (depth == 0)
      ask(port, WAY_FRAME, 0, text);
    else
      ask_within(port, WAY_FRAME, ids[depth - 1], text);
    must_become((drain(port), has_message(port)));
    if (!strstr(port->home.messages[port->home.taken], "{call,")) break;
    (void)snprintf(ids[depth], sizeof ids[depth], "%s",
                   must_hear_call(port, "owner", "\"deeper\",[*]"));
  }
  must_hear(port, "owner {reply,65,{error,{bad_request,\"*nested too deep\"}}}");
  assert_int_equal(depth, 65);
  /* A cast has no Id to be refused with, and is told to the owner all the same. */
  ask_within(port, WAY_FRAME, ids[depth - 1], "{eval, `1`}");
  must_hear(port, "owner *nested too deep*");
  for (unsigned i = depth; i-- > 0;) {
    char result[30], reply[60];
    (void)snprintf(result, sizeof result, "{ok, %u}", depth - i);
    give_back(port, WAY_FRAME, 0, ids[i], result);
    (void)snprintf(reply, sizeof reply, "owner {reply,%u,{ok,%u}}", i, depth - i + 1);
    must_become((drain(port), has_message(port)));
    must_hear(port, reply);
  }
  must_be_idle(port);
  close_port(port);
}

static void a_stop_of_the_lower_one_stops_what_runs_within_its_call(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_FRAME, 0, "{eval, &1, `Erlang.call(:f)`}");
  char id[60];
  (void)snprintf(id, sizeof id, "%s", must_hear_call(port, "owner", "\"f\",[]"));
  ask_within(port, WAY_FRAME, id, "{eval, &2, `sleep`}");
  ask(port, WAY_FRAME, 0, "{interrupt, &1}");
  must_become((drain(port), !interp_is_busy(port->interp)));
  must_hear(port, "owner {reply,&2,{error,interrupted}}");
  must_hear(port, "owner {reply,&1,{error,interrupted}}");
  must_be_idle(port);
  close_port(port);
}

static void the_time_of_the_lower_one_is_that_of_what_runs_within_its_call(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_FRAME, 0, "{eval, &1, `Erlang.call(:f)`, #{timeout => 30}}");
  char id[60];
  (void)snprintf(id, sizeof id, "%s", must_hear_call(port, "owner", "\"f\",[]"));
  ask_within(port, WAY_FRAME, id, "{eval, &2, `sleep`, #{timeout => infinity}}");
  must_become((drain(port), !interp_is_busy(port->interp)));
  must_hear(port, "owner {reply,&2,{error,timeout}}");
  must_hear(port, "owner {reply,&1,{error,timeout}}");
  must_be_idle(port);
  close_port(port);
}

static void what_comes_while_another_runs_within_the_call_has_its_turn_there(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_FRAME, 0, "{eval, &1, `Erlang.call(:f)`}");
  char id[60];
  (void)snprintf(id, sizeof id, "%s", must_hear_call(port, "owner", "\"f\",[]"));
  ask(port, WAY_FRAME, 0, "{eval, &2, `:outside`}");
  ask_within(port, WAY_FRAME, id, in_pool("&3", ":first"));
  ask_within(port, WAY_FRAME, id, "{eval, &4, `:second`}");
  give_back(port, WAY_FRAME, 0, id, "{ok, back}");
  must_become((drain(port), !interp_is_busy(port->interp)));
  must_hear(port, "owner {reply,&3,{ok,first}}");
  must_hear(port, "owner {reply,&1,{ok,back}}");
  must_hear(port, "owner {reply,&2,{ok,outside}}");
  must_hear(port, "owner {reply,&4,{ok,second}}");
  must_be_idle(port);
  close_port(port);
}

/* --- read and sent --- */

static void what_is_told_to_be_read_or_passed_on_reaches_the_transport(void **state)
{
  (void)state;
  struct port *port = open_port("");
  for (size_t w = 0; w < WAYS; w++) {
    if (ways[w] == WAY_ASYNC) continue; /* has no Id to be answered with */
    ask(port, ways[w], CALLER, "{read, 0}");
    must_be_answered(port, ways[w] == WAY_REQUEST ? ANSWER_ACCEPTED : ANSWER_NONE, NULL);
    must_hear(port, "taken output 0");
    ask(port, ways[w], CALLER, "{sent, 9223372036854775807}");
    must_be_answered(port, ways[w] == WAY_REQUEST ? ANSWER_ACCEPTED : ANSWER_NONE, NULL);
    must_hear(port, "taken posted 9223372036854775807");
    ask(port, ways[w], CALLER, "{sent, -1}");
    if (ways[w] == WAY_FRAME)
      must_hear(port, "owner {reply,undefined,{error,{bad_request,\"not a number of bytes\"}}}");
    else
      must_be_answered(port, ANSWER_NOW, "*{error,{bad_request,\"not a number of bytes\"}}*");
    must_hear_nothing(port);
  }
  ask(port, WAY_FRAME, 0, in_pool("&1", "1")); /* also while a request runs, and after the end */
  ask(port, WAY_FRAME, 0, "{read, 5}");
  must_hear(port, "taken output 5");
  drain(port);
  must_hear(port, "owner {reply,&1,{ok,1}}");
  ask(port, WAY_FRAME, 0, "{eval, `exit`}");
  must_hear(port, "owner {exit,0}");
  ask(port, WAY_FRAME, 0, "{read, 6}");
  must_hear(port, "taken output 6");
  close_port(port);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_has_no_result_is_accepted_and_carried_out),
      cmocka_unit_test(it_is_accepted_while_another_request_runs_and_is_carried_out_later),
      cmocka_unit_test(what_is_refused_is_not_carried_out),
      cmocka_unit_test(the_answer_to_an_accept_fits_into_a_frame),
      cmocka_unit_test(an_id_longer_than_a_frame_is_answered),
      cmocka_unit_test(a_caller_by_terms_has_its_answer_without_an_accept),
      cmocka_unit_test(an_interpreter_that_has_ended_accepts_nothing),
      cmocka_unit_test(a_return_that_is_accepted_is_answered_before_what_it_leads_to),
      cmocka_unit_test(a_return_that_is_accepted_gives_nothing_else_to_who_asked_by_terms),
      cmocka_unit_test(the_call_of_a_frame_names_its_request),
      cmocka_unit_test(a_call_whose_id_leaves_no_room_for_it_is_an_exception),
      cmocka_unit_test(what_a_function_asks_within_its_call_runs_upon_it),
      cmocka_unit_test(within_a_call_that_is_over_it_is_a_request_like_others),
      cmocka_unit_test(frames_nest_up_to_a_limit),
      cmocka_unit_test(a_stop_of_the_lower_one_stops_what_runs_within_its_call),
      cmocka_unit_test(the_time_of_the_lower_one_is_that_of_what_runs_within_its_call),
      cmocka_unit_test(what_comes_while_another_runs_within_the_call_has_its_turn_there),
      cmocka_unit_test(what_is_told_to_be_read_or_passed_on_reaches_the_transport),
  };
  return cmocka_run_group_tests(tests, start_watchdog, stop_watchdog);
}
