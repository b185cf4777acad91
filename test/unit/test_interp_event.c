/* Tests of driver/interp_event.c: what an observer is told of each end. */
#include "interp_fixture.h"
#include "job_fixture.h"
#include "sanitizers.h"
#include "waiting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The next message is this event, of a request or of the end. */
static void must_tell(struct port *port, const char *event)
{
  char pattern[200];
  (void)snprintf(pattern, sizeof pattern, "event %s", event);
  must_hear(port, pattern);
}

static void each_request_is_told_with_its_kind_and_what_became_of_it(void **state)
{
  (void)state;
  struct port *port = open_port("events=on");
  static const struct {
    const char *request, *event;
  } cases[] = {
      {"{eval, 1, `1`}", "{request,eval,nil,ok,*,*}"},
      {"{eval, 1, `raise 'x'`}", "{request,eval,nil,error,*,*}"},
      {"{call, 1, to_s, []}", "{request,call,\"to_s\",ok,*,*}"},
      {"{call, 1, {`Math`, sqrt}, [4]}", "{request,call,\"Math.sqrt\",ok,*,*}"},
      {"{call, 1, nope, []}", "{request,call,\"nope\",error,*,*}"},
      {"{compile, 1, `1`, #{}}", "{request,compile,nil,ok,*,*}"},
      {"{load, 1, `no bytecode`}", "{request,load,nil,error,*,*}"},
      {"{eval, `1`}", "{request,cast,nil,ok,*,*}"},
      {"{message, 1}", "{request,message,nil,ok,*,*}"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    ask(port, WAY_REQUEST, CALLER, cases[i].request);
    must_tell(port, cases[i].event);
  }
  ask(port, WAY_REQUEST, CALLER, "{info, 1}"); /* is none that runs */
  must_hear_nothing(port);
  close_interp(port);
  must_tell(port, "{exit,closed,*}");
  must_hear_nothing(port);
  free_port(port);
}

static void a_method_s_name_is_told_in_utf_8(void **state)
{
  (void)state;
  struct port *port = open_port("events=on");
  /* {call, 1, é, []} with the name as an atom in ISO 8859-1: ATOM_EXT */
  static const uint8_t latin1[] = "\x83h\x04w\x04"
                                  "calla\x01"
                                  "d\x00\x01\xe9"
                                  "j";
  ask_bytes(port, WAY_REQUEST, CALLER, latin1, sizeof latin1 - 1);
  must_tell(port, "{request,call,\"\\xC3\\xA9\",error,*,*}");
  char text[2200], name[1021];
  memset(name, 'a', 1020);
  name[1020] = '\0';
  (void)snprintf(text, sizeof text, "{call, 1, {`%s`, `%s`}, []}", name, name);
  ask(port, WAY_REQUEST, CALLER, text);
  must_hear(port, "event {request,call,\"aaaa*a.aa*\",error,*,*}");
  close_interp(port);
  must_tell(port, "{exit,closed,*}");
  free_port(port);
}

static void what_does_not_run_is_told_too(void **state)
{
  (void)state;
  struct port *port = open_port("events=on queue_limit=2 slice=1000");
  ask(port, WAY_ASYNC, CALLER, "{eval, &1, `loop {}`}");
  ask(port, WAY_ASYNC, CALLER, "{eval, &2, `2`}");
  ask(port, WAY_ASYNC, CALLER, "{eval, &3, `3`, #{timeout => 1}}");
  ask(port, WAY_REQUEST, CALLER, "{eval, 4, `4`}");
  must_be_answered(port, ANSWER_NOW, "{error,busy}");
  must_tell(port, "{request,eval,nil,busy,*,*}");
  must_become(has_message(port));
  must_tell(port, "{request,eval,nil,timeout,*,*}");
  must_hear(port, "answer 77 &3 {error,timeout}");
  ask(port, WAY_FRAME, 0, "{interrupt, &2}");
  must_tell(port, "{request,eval,nil,interrupted,*,*}");
  must_hear(port, "answer 77 &2 {error,interrupted}");
  ask(port, WAY_ASYNC, CALLER, "{eval, &5, `5`}");
  close_interp(port);
  must_tell(port, "{request,eval,nil,closed,*,*}");
  must_tell(port, "{request,eval,nil,closed,*,*}");
  must_tell(port, "{exit,closed,*}");
  must_hear(port, "answer 77 &* {error,closed}");
  must_hear(port, "answer 77 &* {error,closed}");
  must_hear_nothing(port);
  free_port(port);
}

static void what_is_stopped_or_killed_is_told_so(void **state)
{
  (void)state;
  static const struct {
    const char *code, *outcome, *exit;
  } cases[] = {
      {"loop {}", "timeout", NULL},
      {"loop { begin; loop {}; rescue Exception; end }", "timeout", "killed"},
      {"exit 7", "exit", "7"},
      {"exit! 8", "exit", "8"},
      {"a = 'x' * 1000; loop { a += a }", "memory_limit", NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct port *port = open_port("events=on slice=1000 grace=2 memory_limit=2097152");
    char text[200], event[100];
    (void)snprintf(text, sizeof text, "{eval, &1, `%s`, #{timeout => %d}}", cases[i].code,
                   strcmp(cases[i].outcome, "timeout") == 0 ? 20 : 100000);
    ask(port, WAY_ASYNC, CALLER, text);
    must_become((drain(port), has_message(port)));
    (void)snprintf(event, sizeof event, "{request,eval,nil,%s,*,*}", cases[i].outcome);
    must_tell(port, event);
    must_become((drain(port), has_message(port)));
    if (!cases[i].exit) must_hear(port, "answer 77 &1 *");
    if (cases[i].exit) {
      (void)snprintf(event, sizeof event, "{exit,%s,*}", cases[i].exit);
      while (strncmp(port->home.messages[port->home.taken], "event", 5) != 0) {
        must_hear(port, "*");
        must_become((drain(port), has_message(port)));
      }
      must_tell(port, event);
      while (has_message(port)) must_hear(port, "*");
    }
    close_interp(port);
    if (!cases[i].exit) must_tell(port, "{exit,closed,*}");
    must_hear_nothing(port); /* an end is told once */
    free_port(port);
  }
}

static void the_exception_of_a_cast_is_the_interpreter_s_end(void **state)
{
  (void)state;
  struct port *port = open_port("events=on");
  ask(port, WAY_FRAME, 0, "{eval, `raise 'x'`}");
  must_tell(port, "{request,cast,nil,error,*,*}");
  must_tell(port, "{exit,error,*}");
  must_hear(port, "owner {exit,{error,*}}");
  close_port(port);
}

static void requests_upon_one_another_are_told_from_the_uppermost_on(void **state)
{
  (void)state;
  struct port *port = open_port("events=on");
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `Erlang.call(:f)`}");
  const char *id = must_call(port, "\"f\",[]");
  must_hear_nothing(port);
  ask(port, WAY_REQUEST, CALLER, "{call, 1, to_s, []}");
  must_tell(port, "{request,call,\"to_s\",ok,*,*}");
  give_back(port, WAY_REQUEST, CALLER, id, "{ok, 1}");
  must_tell(port, "{request,eval,nil,ok,*,*}");
  ask(port, WAY_ASYNC, CALLER, "{eval, &1, `Erlang.call(:f)`}");
  take(port, CALLER, must_hear_call(port, "answer 77 &1", "\"f\",[]"));
  ask(port, WAY_ASYNC, CALLER, "{eval, &2, `sleep 1000`}");
  close_interp(port);
  must_tell(port, "{request,eval,nil,closed,*,*}");
  must_tell(port, "{request,eval,nil,closed,*,*}");
  must_tell(port, "{exit,closed,*}");
  must_hear(port, "answer 77 &* {error,closed}");
  must_hear(port, "answer 77 &* {error,closed}");
  free_port(port);
}

static void without_the_option_nothing_is_told(void **state)
{
  (void)state;
  struct port *port = open_port("events=off");
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `1`}");
  ask(port, WAY_FRAME, 0, "{eval, `raise 'x'`}");
  must_hear(port, "owner {exit,*");
  must_hear_nothing(port);
  close_port(port);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_request_is_told_with_its_kind_and_what_became_of_it),
      cmocka_unit_test(a_method_s_name_is_told_in_utf_8),
      cmocka_unit_test(what_does_not_run_is_told_too),
      cmocka_unit_test(what_is_stopped_or_killed_is_told_so),
      cmocka_unit_test(the_exception_of_a_cast_is_the_interpreter_s_end),
      cmocka_unit_test(requests_upon_one_another_are_told_from_the_uppermost_on),
      cmocka_unit_test(without_the_option_nothing_is_told),
  };
  return cmocka_run_group_tests(tests, start_watchdog, stop_watchdog);
}
