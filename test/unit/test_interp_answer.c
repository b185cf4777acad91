/* Tests of driver/interp_answer.c: tokens and who may claim them, and callers that give a request
 * up or die, in whatever phase it is. */
#include "interp_fixture.h"
#include "job_fixture.h"
#include "sanitizers.h"
#include "terms.h"
#include "waiting.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* --- tokens --- */

static void a_token_that_is_claimed_before_it_is_done_makes_a_message(void **state)
{
  (void)state;
  struct port *port = open_port("");
  uint64_t current = token_of(port, in_pool("&1", "1"));
  uint64_t queued = token_of(port, "{eval, &2, `2`}");
  claim(port, CALLER, current, "&11");
  must_be_answered(port, ANSWER_LATER, NULL);
  claim(port, CALLER, queued, "&12");
  must_be_answered(port, ANSWER_LATER, NULL);
  drain(port);
  must_hear(port, "answer 77 &11 {ok,1}");
  must_hear(port, "answer 77 &12 {ok,2}");
  close_port(port);
}

static void a_token_that_is_claimed_after_it_is_done_is_answered_at_once(void **state)
{
  (void)state;
  struct port *port = open_port("");
  uint64_t first = token_of(port, in_pool("&1", "1"));
  uint64_t second = token_of(port, "{eval, &2, `raise 'x'`}");
  drain(port);
  must_hear_nothing(port);
  claim(port, CALLER, second, "&12");
  must_be_answered(port, ANSWER_NOW, "{error,#{*\"x\"*}}");
  claim(port, CALLER, first, "&11");
  must_be_answered(port, ANSWER_NOW, "{ok,1}");
  close_port(port);
}

static void a_token_is_claimed_while_its_job_waits_and_while_it_is_ready(void **state)
{
  (void)state;
  struct port *port = open_port("slice=1000");
  uint64_t token = token_of(port, "{eval, &1, `sleep 0.003; 1`}");
  claim(port, CALLER, token, "&11");
  must_be_answered(port, ANSWER_LATER, NULL);
  must_become(drain(port) > 0);
  must_hear(port, "answer 77 &11 {ok,1}");
  token = token_of(port, "{eval, &1, `loop {}`}");
  claim(port, CALLER, token, "&12");
  must_be_answered(port, ANSWER_LATER, NULL);
  ask(port, WAY_FRAME, 0, "interrupt");
  drain(port);
  must_hear(port, "answer 77 &12 {error,interrupted}");
  close_port(port);
}

#define NO_TOKEN "{error,{bad_request,\"no such token; it may have been claimed before\"}}"

static void a_token_is_claimed_once(void **state)
{
  (void)state;
  struct port *port = open_port("");
  uint64_t token = token_of(port, in_pool("&1", "1"));
  drain(port);
  claim(port, CALLER, token, "&11");
  must_be_answered(port, ANSWER_NOW, "{ok,1}");
  claim(port, CALLER, token, "&11");
  must_be_answered(port, ANSWER_NOW, NO_TOKEN);
  token = token_of(port, in_pool("&1", "1"));
  claim(port, CALLER, token, "&11");
  must_be_answered(port, ANSWER_LATER, NULL);
  claim(port, CALLER, token, "&12");
  must_be_answered(port, ANSWER_NOW, NO_TOKEN);
  drain(port);
  must_hear(port, "answer 77 &11 {ok,1}");
  close_port(port);
}

static void a_token_of_another_caller_or_of_nobody_is_refused(void **state)
{
  (void)state;
  struct port *port = open_port("");
  claim(port, CALLER, 1, "&11");
  must_be_answered(port, ANSWER_NOW, NO_TOKEN);
  uint64_t token = token_of(port, in_pool("&1", "1"));
  uint64_t queued = token_of(port, "{eval, &2, `2`}");
  claim(port, CALLER + 1, token, "&11");
  must_be_answered(port, ANSWER_NOW, NO_TOKEN);
  claim(port, CALLER + 1, queued, "&11");
  must_be_answered(port, ANSWER_NOW, NO_TOKEN);
  claim(port, CALLER, queued + 1000, "&11");
  must_be_answered(port, ANSWER_NOW, NO_TOKEN);
  drain(port);
  claim(port, CALLER + 1, token, "&11");
  must_be_answered(port, ANSWER_NOW, NO_TOKEN);
  claim(port, CALLER, token, "&11");
  must_be_answered(port, ANSWER_NOW, "{ok,1}");
  claim(port, CALLER, queued, "&11");
  must_be_answered(port, ANSWER_NOW, "{ok,2}");
  close_port(port);
}

static void the_token_of_a_request_that_was_stopped_in_the_queue_tells_so(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_FRAME, 0, in_pool("1", "1"));
  uint64_t interrupted = token_of(port, "{eval, &1, `2`}");
  uint64_t late = token_of(port, "{eval, &2, `3`, #{timeout => 1}}");
  uint64_t good = token_of(port, "{eval, &3, `4`}");
  ask(port, WAY_FRAME, 0, "{interrupt, &1}");
  claim(port, CALLER, interrupted, "&11");
  must_be_answered(port, ANSWER_NOW, "{error,interrupted}");
  /* Its deadline passes before it is claimed, or after: it is told at once, or by a message. */
  ask(port, WAY_CONTROL, CALLER, "{info, &9}");
  for (int64_t give_up = test_now_ns() + INT64_C(60000000000);
       !text_like(port->text, "*timeouts=>1*") && test_now_ns() < give_up;) {
    pause_us(500);
    ask(port, WAY_CONTROL, CALLER, "{info, &9}");
  }
  claim(port, CALLER, late, "&12");
  must_be_answered(port, ANSWER_NOW, "{error,timeout}");
  drain(port);
  must_hear(port, "owner {reply,1,{ok,1}}");
  claim(port, CALLER, good, "&13");
  must_be_answered(port, ANSWER_NOW, "{ok,4}");
  close_port(port);
}

static void tokens_that_nobody_claims_count_for_the_queue_limit(void **state)
{
  (void)state;
  struct port *port = open_port("queue_limit=3");
  uint64_t token[3];
  token[0] = token_of(port, in_pool("&1", "1"));
  token[1] = token_of(port, "{eval, &1, `2`}");
  token[2] = token_of(port, "{eval, &1, `3`}");
  drain(port);
  ask(port, WAY_FRAME, 0, in_pool("1", "1"));
  ask(port, WAY_CONTROL, CALLER, "{eval, &1, `1`}");
  must_be_answered(port, ANSWER_NOW, "{reply,&1,{error,busy}}");
  drain(port);
  must_hear(port, "owner {reply,1,{ok,1}}");
  for (uint64_t i = 0; i < 3; i++) {
    char wanted[20];
    (void)snprintf(wanted, sizeof wanted, "{ok,%d}", (int)i + 1);
    claim(port, CALLER, token[i], "&11");
    must_be_answered(port, ANSWER_NOW, wanted);
  }
  close_port(port);
}

/* --- callers that change their mind --- */

static void must_stay_silent(struct port *port)
{
  drain(port);
  must_hear_nothing(port);
  ask(port, WAY_FRAME, 0, "{eval, still, `:here`}");
  drain(port);
  must_hear(port, "owner {reply,still,{ok,here}}");
  must_hear_nothing(port);
}

static void what_is_abandoned_in_the_queue_neither_runs_nor_is_answered(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_FRAME, 0, in_pool("1", "1"));
  ask(port, WAY_ASYNC, CALLER, "{eval, &1, `$ran = 1`}");
  uint64_t token = token_of(port, "{eval, &2, `$ran = 2`}");
  claim(port, CALLER, token, "&2");
  ask(port, WAY_ASYNC, CALLER + 1, "{eval, &1, `$ran`}"); /* the same id, of another caller */
  abandon(port, CALLER, "&1");
  abandon(port, CALLER, "&2");
  abandon(port, CALLER, "&3");
  drain(port);
  must_hear(port, "owner {reply,1,{ok,1}}");
  must_hear(port, "answer 78 &1 {ok,nil}");
  must_stay_silent(port);
  close_port(port);
}

static void what_is_abandoned_before_it_begins_does_not_run(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_ASYNC, CALLER, in_pool("&1", "$ran = 1"));
  abandon(port, CALLER, "&1");
  must_stay_silent(port);
  ask(port, WAY_FRAME, 0, "{eval, 1, `$ran`}");
  must_hear(port, "owner {reply,1,{ok,nil}}");
  close_port(port);
}

static void what_is_abandoned_between_two_slices_is_stopped(void **state)
{
  (void)state;
  struct port *port = open_port("slice=1000");
  ask(port, WAY_ASYNC, CALLER, "{eval, &1, `begin; print 1; loop {}; ensure; $cleaned = 1; end`}");
  run_to_output(port);
  abandon(port, CALLER, "&1");
  must_stay_silent(port);
  ask(port, WAY_FRAME, 0, "{eval, 1, `$cleaned`}");
  must_hear(port, "owner {reply,1,{ok,1}}");
  close_port(port);
}

static void what_is_abandoned_while_it_sleeps_is_woken_and_stopped(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_ASYNC, CALLER, "{eval, &1, `begin; print 1; sleep; ensure; $cleaned = 1; end`}");
  run_to_output(port);
  drain(port);
  abandon(port, CALLER, "&1");
  assert_true(interp_in_pool(port->interp));
  must_stay_silent(port);
  ask(port, WAY_FRAME, 0, "{eval, 1, `$cleaned`}");
  must_hear(port, "owner {reply,1,{ok,1}}");
  close_port(port);
}

static void what_is_abandoned_in_the_middle_of_a_slice_is_stopped(void **state)
{
  (void)state;
  static const char *const rests[] = {"loop {}", "5", "raise 'x'", "sleep"};
  for (size_t i = 0; i < 4; i++) {
    struct port *port = open_port("slice=1000");
    struct lender lender;
    start_held(&lender, port, WAY_ASYNC, rests[i]);
    abandon(port, CALLER, "&1");
    must_hear_nothing(port);
    let_go(&lender);
    must_hear(port, "owner {output,stdout,\"held\"}");
    must_stay_silent(port);
    close_port(port);
  }
}

struct abandoner {
  pthread_t thread;
  struct port *port;
  size_t heard; /* messages when the function returned */
};

static void *abandon_in_thread(void *data)
{
  struct abandoner *abandoner = data;
  abandon(abandoner->port, CALLER, "&1");
  pthread_mutex_lock(&abandoner->port->home.lock);
  abandoner->heard = abandoner->port->home.count;
  pthread_mutex_unlock(&abandoner->port->home.lock);
  return NULL;
}

static void what_is_abandoned_while_it_is_answered_is_answered_before_abandon_returns(void **state)
{
  (void)state;
  struct port *port = open_port("");
  struct lender lender;
  ask(port, WAY_ASYNC, CALLER, in_pool("&1", "5"));
  port->home.gates = GATE_REPLY;
  start_lender(&lender, port);
  must_become(port->home.held & GATE_REPLY);
  struct abandoner abandoner = {.port = port};
  assert_int_equal(pthread_create(&abandoner.thread, NULL, abandon_in_thread, &abandoner), 0);
  pause_us(3000);
  port->home.gates = 0;
  pthread_join(abandoner.thread, NULL);
  pthread_join(lender.thread, NULL);
  assert_int_equal(abandoner.heard, 1);
  must_hear(port, "answer 77 &1 {ok,5}");
  must_stay_silent(port);
  close_port(port);
}

/* Several requests are late at once: one is abandoned while another is being told. */
static void
what_is_abandoned_while_others_are_told_that_they_are_late_is_not_answered_later(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_FRAME, 0, in_pool("0", "0"));
  port->home.gates = GATE_REPLY;
  ask(port, WAY_FRAME, 0, "{eval, 1, `1`, #{timeout => 1}}");
  must_become(port->home.held & GATE_REPLY); /* the watchdog's thread tells 1 */
  ask(port, WAY_FRAME, 0, "{eval, 2, `2`, #{timeout => 1}}");
  ask(port, WAY_ASYNC, CALLER, "{eval, &1, `3`, #{timeout => 1}}");
  pause_us(5000);
  port->home.tickets = 1; /* now these two are late together */
  must_hear(port, "owner {reply,1,{error,timeout}}");
  must_become(port->home.held & GATE_REPLY);
  struct abandoner abandoner = {.port = port};
  assert_int_equal(pthread_create(&abandoner.thread, NULL, abandon_in_thread, &abandoner), 0);
  pause_us(5000);
  port->home.gates = 0;
  pthread_join(abandoner.thread, NULL);
  must_hear(port, "owner {reply,2,{error,timeout}}");
  /* Either it has been told before, or it never is. */
  if (abandoner.heard > 2) must_hear(port, "answer 77 &1 {error,timeout}");
  pause_us(20000);
  drain(port);
  must_hear(port, "owner {reply,0,{ok,0}}");
  must_stay_silent(port);
  close_port(port);
}

/* Many more are late at once than are answered before the watchdog looks at the slices again. */
static void however_many_requests_are_late_at_once_each_is_told_of_it_once(void **state)
{
  (void)state;
  enum { LATE = 200, TOLD = 10 };
  struct port *port = open_port("");
  char text[100];
  ask(port, WAY_FRAME, 0, in_pool("0", "0"));
  port->home.gates = GATE_REPLY;
  ask(port, WAY_FRAME, 0, "{eval, 1, `1`, #{timeout => 1}}");
  must_become(port->home.held & GATE_REPLY); /* the watchdog's thread tells 1 */
  for (int i = 0; i < LATE; i++) {
    (void)snprintf(text, sizeof text, "{eval, &%d, `%d`, #{timeout => 1}}", i, i);
    ask(port, WAY_ASYNC, CALLER, text);
  }
  pause_us(5000); /* now all of them are late */
  port->home.tickets = 1 + TOLD;
  must_hear(port, "owner {reply,1,{error,timeout}}");
  int i = 0;
  for (; i < TOLD; i++) {
    (void)snprintf(text, sizeof text, "answer 77 &%d {error,timeout}", i);
    must_hear(port, text);
  }
  must_become(port->home.held & GATE_REPLY);
  abandon(port, CALLER, "&30");  /* is one of the next to be told */
  abandon(port, CALLER, "&150"); /* waits in the queue still */
  port->home.gates = 0;
  for (; i < LATE; i++) {
    if (i == 30 || i == 150) continue;
    (void)snprintf(text, sizeof text, "answer 77 &%d {error,timeout}", i);
    must_hear(port, text);
  }
  pause_us(5000);
  must_hear_nothing(port);
  drain(port);
  must_hear(port, "owner {reply,0,{ok,0}}");
  must_stay_silent(port);
  close_port(port);
}

/* The answer to &1 is held back. It is told before the function returns, or not at all. */
static void must_be_told_before_abandon_returns(struct port *port)
{
  struct abandoner abandoner = {.port = port};
  assert_int_equal(pthread_create(&abandoner.thread, NULL, abandon_in_thread, &abandoner), 0);
  pause_us(5000);
  port->home.gates = 0;
  pthread_join(abandoner.thread, NULL);
  pause_us(5000);
  pthread_mutex_lock(&port->home.lock);
  for (size_t i = abandoner.heard; i < port->home.count; i++)
    assert_false(text_like(port->home.messages[i], "answer 77 &1 *"));
  port->home.taken = port->home.count;
  pthread_mutex_unlock(&port->home.lock);
}

static void what_is_abandoned_while_it_is_told_that_it_is_late_hears_nothing_later(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_FRAME, 0, in_pool("1", "1"));
  port->home.gates = GATE_REPLY;
  ask(port, WAY_ASYNC, CALLER, "{eval, &1, `1`, #{timeout => 1}}");
  must_become(port->home.held & GATE_REPLY); /* the watchdog's thread */
  must_be_told_before_abandon_returns(port);
  drain(port);
  must_hear(port, "owner {reply,1,{ok,1}}");
  close_port(port);
}

static void what_is_abandoned_while_the_interpreter_ends_hears_nothing_later(void **state)
{
  (void)state;
  struct port *port = open_port("");
  struct lender lender;
  ask(port, WAY_FRAME, 0, in_pool("1", "exit"));
  ask(port, WAY_ASYNC, CALLER, "{eval, &1, `1`}");
  port->home.gates = GATE_REPLY;
  start_lender(&lender, port);
  must_become(port->home.held & GATE_REPLY);
  port->home.tickets = 1;
  must_hear(port, "owner {reply,1,{error,closed}}");
  must_become(port->home.held & GATE_REPLY); /* the end of what is queued */
  must_be_told_before_abandon_returns(port);
  pthread_join(lender.thread, NULL);
  assert_true(interp_tend(port->interp));
  port->home.taken = port->home.count;
  close_port(port);
}

/* --- callers that die --- */

struct search {
  uintptr_t caller;
  bool found;
};

static void compare(void *data, uintptr_t caller)
{
  struct search *search = data;
  if (caller == search->caller) search->found = true;
}

static bool waits(struct port *port, uintptr_t caller)
{
  struct search search = {.caller = caller};
  interp_each_caller(port->interp, compare, &search);
  return search.found;
}

static void
a_dead_callers_requests_are_dropped_in_the_queue_and_where_they_wait_for_a_claim(void **state)
{
  (void)state;
  struct port *port = open_port("");
  (void)token_of(port, in_pool("&1", "1"));
  drain(port); /* done, and never claimed */
  assert_true(waits(port, CALLER));
  ask(port, WAY_FRAME, 0, in_pool("1", "1"));
  (void)token_of(port, "{eval, &1, `$ran = 1`}");
  ask(port, WAY_CONTROL, CALLER, "{eval, &1, `$ran = 2`}");
  ask(port, WAY_ASYNC, CALLER, "{eval, &1, `$ran = 3`}");
  ask(port, WAY_ASYNC, CALLER + 1, "{eval, &1, `$ran`}");
  ask(port, WAY_CONTROL, CALLER, "{eval, `$cast = 5`}"); /* outlives who sent it */
  ask(port, WAY_FRAME, 0, "{eval, 2, `$cast`}");
  interp_caller_gone(port->interp, CALLER);
  assert_false(waits(port, CALLER));
  assert_true(waits(port, CALLER + 1));
  interp_caller_gone(port->interp, CALLER);
  drain(port);
  must_hear(port, "owner {reply,1,{ok,1}}");
  must_hear(port, "answer 78 &1 {ok,nil}");
  must_hear(port, "owner {reply,2,{ok,5}}");
  assert_false(waits(port, CALLER + 1));
  must_stay_silent(port);
  close_port(port);
}

static void a_dead_callers_request_is_stopped_wherever_it_stands(void **state)
{
  (void)state;
  static const char *const codes[] = {"{eval, &1, `loop {}`}", "{eval, &1, `sleep`}"};
  struct port *port = open_port("slice=1000");
  for (size_t way = 1; way < WAYS; way++)
    for (size_t i = 0; i < 3; i++) {
      ask(port, ways[way], CALLER, i < 2 ? codes[i] : in_pool("&1", "$ran = 1"));
      assert_true(waits(port, CALLER));
      interp_caller_gone(port->interp, CALLER);
      must_stay_silent(port);
      assert_false(waits(port, CALLER));
    }
  ask(port, WAY_FRAME, 0, "{eval, 1, `$ran`}");
  must_hear(port, "owner {reply,1,{ok,nil}}");
  close_port(port);
}

static void a_dead_callers_request_in_the_middle_of_a_slice_is_stopped(void **state)
{
  (void)state;
  for (size_t way = 1; way < WAYS; way++) {
    struct port *port = open_port("slice=1000");
    struct lender lender;
    start_held(&lender, port, ways[way], "loop {}");
    interp_caller_gone(port->interp, CALLER);
    let_go(&lender);
    must_hear(port, "owner {output,stdout,\"held\"}");
    must_stay_silent(port);
    close_port(port);
  }
}

static void a_dead_callers_answer_that_is_on_its_way_is_not_waited_for(void **state)
{
  (void)state;
  struct port *port = open_port("");
  struct lender lender;
  ask(port, WAY_ASYNC, CALLER, in_pool("&1", "5"));
  port->home.gates = GATE_REPLY;
  start_lender(&lender, port);
  must_become(port->home.held & GATE_REPLY);
  interp_caller_gone(port->interp, CALLER);
  assert_true(port->home.held & GATE_REPLY);
  port->home.gates = 0;
  pthread_join(lender.thread, NULL);
  must_hear(port, "answer 77 &1 {ok,5}"); /* which goes nowhere in the VM */
  must_stay_silent(port);
  close_port(port);
}

static void the_owners_frames_have_no_caller_that_could_die(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_FRAME, 0, in_pool("1", "1"));
  assert_false(waits(port, 0));
  interp_caller_gone(port->interp, 0);
  drain(port);
  must_hear(port, "owner {reply,1,{ok,1}}");
  close_port(port);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_jobs, end_jobs)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(a_token_that_is_claimed_before_it_is_done_makes_a_message),
      TEST(a_token_that_is_claimed_after_it_is_done_is_answered_at_once),
      TEST(a_token_is_claimed_while_its_job_waits_and_while_it_is_ready),
      TEST(a_token_is_claimed_once),
      TEST(a_token_of_another_caller_or_of_nobody_is_refused),
      TEST(the_token_of_a_request_that_was_stopped_in_the_queue_tells_so),
      TEST(tokens_that_nobody_claims_count_for_the_queue_limit),
      TEST(what_is_abandoned_in_the_queue_neither_runs_nor_is_answered),
      TEST(what_is_abandoned_before_it_begins_does_not_run),
      TEST(what_is_abandoned_between_two_slices_is_stopped),
      TEST(what_is_abandoned_while_it_sleeps_is_woken_and_stopped),
      TEST(what_is_abandoned_in_the_middle_of_a_slice_is_stopped),
      TEST(what_is_abandoned_while_it_is_answered_is_answered_before_abandon_returns),
      TEST(what_is_abandoned_while_others_are_told_that_they_are_late_is_not_answered_later),
      TEST(however_many_requests_are_late_at_once_each_is_told_of_it_once),
      TEST(what_is_abandoned_while_it_is_told_that_it_is_late_hears_nothing_later),
      TEST(what_is_abandoned_while_the_interpreter_ends_hears_nothing_later),
      TEST(a_dead_callers_requests_are_dropped_in_the_queue_and_where_they_wait_for_a_claim),
      TEST(a_dead_callers_request_is_stopped_wherever_it_stands),
      TEST(a_dead_callers_request_in_the_middle_of_a_slice_is_stopped),
      TEST(a_dead_callers_answer_that_is_on_its_way_is_not_waited_for),
      TEST(the_owners_frames_have_no_caller_that_could_die),
  };
  return cmocka_run_group_tests(tests, start_watchdog, stop_watchdog);
}
