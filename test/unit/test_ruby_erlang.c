/* Tests of driver/ruby_erlang.c: messages to Ruby and from it. (Its calls: test_interp_call.c.) */
#include "interp_fixture.h"
#include "job_fixture.h"
#include "sanitizers.h"
#include "waiting.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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

static void as_many_messages_as_the_queue_may_hold_wait_for_a_block(void **state)
{
  (void)state;
  struct port *port = open_port("queue_limit=2");
  ask(port, WAY_REQUEST, OTHER, "{message, 1}");
  ask(port, WAY_REQUEST, OTHER, "{message, 2}");
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `Erlang.on_message { |m| print m }; nil`}");
  must_hear(port, "owner {output,stdout,\"1\"}");
  must_hear(port, "owner {output,stdout,\"2\"}");
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `Erlang.on_message; nil`}");
  ask(port, WAY_REQUEST, OTHER, "{message, 1}");
  ask(port, WAY_REQUEST, OTHER, "{message, 2}");
  must_hear_nothing(port);
  ask(port, WAY_REQUEST, OTHER, "{message, 3}");
  must_hear(port,
            "owner {exit,{error,#{class=>\"RuntimeError\",message=>\"too many messages wait *");
  close_port(port);
}

static void a_message_that_need_not_wait_needs_no_queue(void **state)
{
  (void)state;
  struct port *port = open_port("queue_limit=0");
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `Erlang.on_message { |m| print m }; nil`}");
  ask(port, WAY_REQUEST, OTHER, "{message, 1}");
  must_hear(port, "owner {output,stdout,\"1\"}");
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `Erlang.on_message; nil`}");
  ask(port, WAY_REQUEST, OTHER, "{message, 1}");
  must_hear(port, "owner {exit,*");
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
      cmocka_unit_test(messages_come_to_the_block_in_their_order),
      cmocka_unit_test(as_many_messages_as_the_queue_may_hold_wait_for_a_block),
      cmocka_unit_test(a_message_that_need_not_wait_needs_no_queue),
      cmocka_unit_test(a_message_whose_block_fails_ends_the_interpreter),
      cmocka_unit_test(a_block_may_call_erlang_and_its_function_ask_back),
      cmocka_unit_test(what_ruby_sends_is_passed_on_or_else_goes_to_the_owner),
      cmocka_unit_test(who_sends_faster_than_it_is_passed_on_waits),
      cmocka_unit_test(self_is_the_owner_once_it_is_told),
  };
  return cmocka_run_group_tests(tests, start_watchdog, stop_watchdog);
}
