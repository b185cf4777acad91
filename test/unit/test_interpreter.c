/* Tests of driver/interpreter.c and driver/interp_info.c: requests and how each way is answered,
 * the queue, deadlines, opening and closing, the figures. */
#include "coroutine.h"

#include "interp_fixture.h"
#include "job_fixture.h"
#include "process_size.h"
#include "sanitizers.h"
#include "terms.h"
#include "waiting.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* --- requests --- */

static void a_request_that_is_done_inline_is_answered_at_once_each_way(void **state)
{
  (void)state;
  struct port *port = open_port("");
  for (size_t i = 0; i < WAYS; i++) {
    ask(port, ways[i], CALLER, "{eval, &1, `1 + 2`}");
    must_be_answered_now(port, ways[i], "{ok,3}");
    assert_false(port->answer.ran_long);
    assert_false(port->answer.watch_caller);
    ask(port, ways[i], CALLER, "{call, &1, {`Math`, sqrt}, [4]}");
    must_be_answered_now(port, ways[i], "{ok,2}");
    ask(port, ways[i], CALLER, "{eval, &1, `raise 'no'`}");
    must_be_answered_now(port, ways[i],
                         "{error,#{class=>\"RuntimeError\",message=>\"no\",backtrace=>[*]}}");
    assert_false(interp_is_busy(port->interp));
  }
  close_port(port);
}

static void a_request_behind_others_is_queued_each_way(void **state)
{
  (void)state;
  struct port *port = open_port("");
  for (size_t i = 0; i < WAYS; i++) {
    ask(port, WAY_FRAME, 0, in_pool("first", "1"));
    ask(port, ways[i], CALLER, "{eval, &1, `2`}");
    must_be_accepted(port, ways[i], "&1");
    ask(port, ways[i], CALLER, "{call, &2, to_s, []}");
    must_be_accepted(port, ways[i], "&2");
    must_hear_nothing(port);
    drain(port);
    must_hear(port, "owner {reply,first,{ok,1}}");
    must_hear_late(port, ways[i], "&1", "{ok,2}");
    must_hear_late(port, ways[i], "&2", "{ok,\"main\"}");
  }
  close_port(port);
}

static void a_request_beyond_the_queue_limit_is_told_that_it_is_busy_each_way(void **state)
{
  (void)state;
  struct port *port = open_port("queue_limit=2");
  for (size_t i = 0; i < WAYS; i++) {
    ask(port, WAY_FRAME, 0, in_pool("first", "1"));
    ask(port, WAY_FRAME, 0, "{eval, second, `2`}");
    ask(port, WAY_FRAME, 0, "{eval, third, `3`}");
    ask(port, ways[i], CALLER, "{eval, &1, `4`}");
    must_be_answered_now(port, ways[i], "{error,busy}");
    drain(port);
    must_hear(port, "owner {reply,first,{ok,1}}");
    must_hear(port, "owner {reply,second,{ok,2}}");
    must_hear(port, "owner {reply,third,{ok,3}}");
    ask(port, ways[i], CALLER, "{eval, &1, `4`}");
    must_be_answered_now(port, ways[i], "{ok,4}");
  }
  close_port(port);
}

static void without_a_queue_only_an_idle_interpreter_takes_requests(void **state)
{
  (void)state;
  struct port *port = open_port("queue_limit=0");
  ask(port, WAY_CONTROL, CALLER, "{eval, &1, `1`}");
  must_be_answered_now(port, WAY_CONTROL, "{ok,1}");
  ask(port, WAY_FRAME, 0, in_pool("first", "1"));
  ask(port, WAY_CONTROL, CALLER, "{eval, &1, `1`}");
  must_be_answered_now(port, WAY_CONTROL, "{error,busy}");
  drain(port);
  must_hear(port, "owner {reply,first,{ok,1}}");
  close_port(port);
}

static void a_bad_request_is_told_why_each_way(void **state)
{
  (void)state;
  struct port *port = open_port("");
  for (size_t i = 0; i < WAYS; i++) {
    ask(port, ways[i], CALLER, "{eval, &1, nope}");
    must_be_answered_now(port, ways[i], "{error,{bad_request,\"the code must be a binary\"}}");
    /* The same while a job is there. */
    ask(port, WAY_FRAME, 0, in_pool("first", "1"));
    ask(port, ways[i], CALLER, "{call, &1, f, nope}");
    must_be_answered_now(port, ways[i], "{error,{bad_request,\"the arguments must be a list\"}}");
    drain(port);
    must_hear(port, "owner {reply,first,{ok,1}}");
  }
  close_port(port);
}

static void what_is_no_request_is_answered_with_undefined(void **state)
{
  (void)state;
  struct port *port = open_port("max_frame=100000");
  uint8_t *large = calloc(1, 100001);
  assert_non_null(large);
  for (int i = 0; i < 3; i++) {
    const uint8_t *bytes = i == 0   ? (const uint8_t *)""
                           : i == 1 ? (const uint8_t *)"\x83h\3"
                                    : large;
    size_t length = i == 0 ? 0 : i == 1 ? 3 : 100001;
    ask_bytes(port, WAY_FRAME, 0, bytes, length);
    must_hear(port, "owner {reply,undefined,{error,{bad_request,\"*\"}}}");
    ask_bytes(port, WAY_CONTROL, CALLER, bytes, length);
    must_be_answered(port, ANSWER_NOW, "{reply,undefined,{error,{bad_request,\"*\"}}}");
    ask_bytes(port, WAY_REQUEST, CALLER, bytes, length);
    must_be_answered(port, ANSWER_NOW, "{error,{bad_request,\"*\"}}");
    ask_bytes(port, WAY_ASYNC, CALLER, bytes, length);
    must_be_answered(port, ANSWER_NOW, "{error,{bad_request,\"*\"}}");
  }
  must_be_like(port->text, "*longer than max_frame*");
  free(large);
  close_port(port);
}

static void a_message_can_be_addressed_with_a_reference_only(void **state)
{
  (void)state;
  struct port *port = open_port("");
  static const char *const ids[] = {"5", "`x`", "[&1]", "{&1, 2}", "#{&1 => 1}", "id"};
  for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
    char text[60];
    (void)snprintf(text, sizeof text, "{eval, %s, `1`}", ids[i]);
    ask(port, WAY_ASYNC, CALLER, text);
    must_be_answered(port, ANSWER_NOW,
                     "{error,{bad_request,\"the Id of an asynchronous request must be a "
                     "reference\"}}");
    struct bytes id = term_bytes(ids[i]);
    assert_false(interp_may_address((struct piece){id.at + 1, id.length - 1}));
    free(id.at);
  }
  ask(port, WAY_ASYNC, CALLER, "{eval, `1`}"); /* a cast has none */
  must_be_answered(port, ANSWER_NOW, "{error,{bad_request,*}}");
  struct bytes id = term_bytes("&1");
  assert_true(interp_may_address((struct piece){id.at + 1, id.length - 1}));
  assert_false(interp_may_address((struct piece){id.at + 1, id.length - 2}));
  assert_false(interp_may_address((struct piece){id.at, 0}));
  free(id.at);
  close_port(port);
}

static void replies_come_in_the_order_of_the_requests(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_FRAME, 0, in_pool("0", "$n = 0"));
  must_hear_nothing(port);
  for (int i = 1; i <= 60; i++) {
    char text[80];
    (void)snprintf(text, sizeof text, "{eval, &%d, `sleep 0.001 if %d %% 20 == 0; $n += 1`}", i, i);
    ask(port, ways[i % WAYS], CALLER, text);
    (void)snprintf(text, sizeof text, "&%d", i);
    must_be_accepted(port, ways[i % WAYS], text);
  }
  for (int i = 0; i <= 60; i++) {
    char id[20], result[20];
    (void)snprintf(id, sizeof id, i > 0 ? "&%d" : "%d", i);
    (void)snprintf(result, sizeof result, "{ok,%d}", i);
    must_become(drain(port) > 0 || has_message(port));
    must_hear_late(port, i > 0 ? ways[i % WAYS] : WAY_FRAME, id, result);
  }
  close_port(port);
}

/* --- casts --- */

static void a_cast_has_no_answer_each_way_that_may_cast(void **state)
{
  (void)state;
  struct port *port = open_port("");
  for (size_t i = 0; i < 3; i++) {
    ask(port, ways[i], CALLER, "{eval, `$a = 5`}");
    must_be_answered(port, ways[i] == WAY_REQUEST ? ANSWER_ACCEPTED : ANSWER_NONE, NULL);
    ask(port, ways[i], CALLER, "{eval, `sleep 0.002; $a += 1`}");
    must_be_answered(port, ways[i] == WAY_REQUEST ? ANSWER_ACCEPTED : ANSWER_NONE, NULL);
    assert_false(port->answer.watch_caller);
    ask(port, ways[i], CALLER, "{eval, `$a += 1`}"); /* queued */
    must_be_answered(port, ways[i] == WAY_REQUEST ? ANSWER_ACCEPTED : ANSWER_NONE, NULL);
    must_become(drain(port) > 0);
    must_hear_nothing(port);
    ask(port, WAY_REQUEST, CALLER, "{eval, &1, `$a`}");
    must_be_answered(port, ANSWER_NOW, "{ok,7}");
  }
  close_port(port);
}

static void the_value_of_a_cast_need_not_have_a_form_in_erlang(void **state)
{
  (void)state;
  struct port *port = open_port("max_frame=1000");
  static const char *const codes[] = {"Object.new",    "->() {}",        "0.0 / 0.0",
                                      "'x' * 100_000", "a = []; a << a", "class A; end; A.new",
                                      "$stdout"};
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
    char text[100];
    (void)snprintf(text, sizeof text, "{eval, `%s`}", codes[i]);
    ask(port, WAY_FRAME, 0, text);
    drain(port);
    must_hear_nothing(port);
    ask(port, WAY_CONTROL, CALLER, "{eval, &1, `1`}");
    must_be_answered(port, ANSWER_NOW, "{reply,&1,{ok,1}}");
  }
  close_port(port);
}

static void a_cast_that_is_refused_is_told_to_who_sent_it(void **state)
{
  (void)state;
  struct port *port = open_port("queue_limit=0");
  ask(port, WAY_FRAME, 0, in_pool("1", "1"));
  ask(port, WAY_FRAME, 0, "{eval, `1`}");
  must_hear(port, "owner {reply,undefined,{error,busy}}");
  ask(port, WAY_CONTROL, CALLER, "{eval, `1`}");
  must_be_answered(port, ANSWER_NOW, "{reply,undefined,{error,busy}}");
  ask(port, WAY_REQUEST, CALLER, "{eval, `1`}");
  must_be_answered(port, ANSWER_NOW, "{error,busy}");
  drain(port);
  must_hear(port, "owner {reply,1,{ok,1}}");
  ask(port, WAY_CONTROL, CALLER, "{eval, 5}");
  must_be_answered(port, ANSWER_NOW, "{reply,undefined,{error,{bad_request,*}}}");
  close_port(port);
}

/* --- timeouts --- */

static void a_timeout_stops_a_request_that_runs_each_way(void **state)
{
  (void)state;
  struct port *port = open_port("slice=1000");
  for (size_t i = 0; i < WAYS; i++) {
    ask(port, ways[i], CALLER, "{eval, &1, `loop {}`, #{timeout => 3}}");
    must_be_accepted(port, ways[i], "&1");
    drain(port); /* until it has ended */
    must_hear_late(port, ways[i], "&1", "{error,timeout}");
    ask(port, ways[i], CALLER, "{eval, &1, `1`}");
    must_be_answered_now(port, ways[i], "{ok,1}");
  }
  close_port(port);
}

static void a_timeout_stops_a_request_in_the_queue_each_way(void **state)
{
  (void)state;
  struct port *port = open_port("");
  for (size_t i = 0; i < WAYS; i++) {
    ask(port, WAY_FRAME, 0, in_pool("1", "1"));
    ask(port, ways[i], CALLER, "{eval, &1, `$ran = true`, #{timeout => 30}}");
    must_be_accepted(port, ways[i], "&1");
    ask(port, WAY_FRAME, 0, "{eval, 2, `$ran`}");
    must_hear_late(port, ways[i], "&1", "{error,timeout}"); /* no slice has run */
    drain(port);
    must_hear(port, "owner {reply,1,{ok,1}}");
    must_hear(port, "owner {reply,2,{ok,nil}}");
  }
  close_port(port);
}

static void a_timeout_stops_a_request_that_waits_to_begin(void **state)
{
  (void)state;
  struct port *port = open_port("timeout=2");
  ask(port, WAY_FRAME, 0, in_pool("1", "$ran = true"));
  must_become(port->home.tends > 0); /* the pool needs a thread of the port's */
  drain(port);
  must_hear(port, "owner {reply,1,{error,timeout}}");
  ask(port, WAY_FRAME, 0, "{eval, 2, `$ran`}");
  must_hear(port, "owner {reply,2,{ok,nil}}");
  close_port(port);
}

static void a_timeout_wakes_a_request_that_sleeps(void **state)
{
  (void)state;
  struct port *port = open_port("timeout=3");
  ask(port, WAY_FRAME, 0, "{eval, 1, `sleep`}");
  must_become(interp_in_pool(port->interp));
  assert_true(port->home.tends > 0);
  drain(port);
  must_hear(port, "owner {reply,1,{error,timeout}}");
  close_port(port);
}

static void a_request_may_name_another_timeout_or_none(void **state)
{
  (void)state;
  struct port *port = open_port("slice=1000 timeout=1");
  ask(port, WAY_FRAME, 0, "{eval, 1, `sleep 0.03; 1`, #{timeout => infinity}}");
  must_become((drain(port), has_message(port)));
  must_hear(port, "owner {reply,1,{ok,1}}");
  ask(port, WAY_FRAME, 0, "{eval, 2, `sleep 0.03; 2`, #{timeout => 100000}}");
  must_become((drain(port), has_message(port)));
  must_hear(port, "owner {reply,2,{ok,2}}");
  ask(port, WAY_FRAME, 0, "{eval, 3, `sleep 0.03; 2`}");
  must_become((drain(port), has_message(port)));
  must_hear(port, "owner {reply,3,{error,timeout}}");
  ask(port, WAY_FRAME, 0, "{eval, 4, `loop {}`, #{timeout => 0}}");
  must_become((drain(port), has_message(port)));
  must_hear(port, "owner {reply,4,{error,timeout}}");
  close_port(port);
}

static void a_timeout_that_was_kept_does_not_stop_a_later_request(void **state)
{
  (void)state;
  struct port *port = open_port("");
  for (int i = 0; i < 5; i++) {
    ask(port, WAY_FRAME, 0, "{eval, 1, `sleep 0.001; 1`, #{timeout => 20}}");
    must_become(drain(port) > 0);
    must_hear(port, "owner {reply,1,{*,*}}"); /* on a busy machine it is late */
    ask(port, WAY_FRAME, 0, "{eval, 2, `sleep 0.04; 2`}");
    must_become(!interp_is_busy(port->interp) || (drain(port), false));
    must_hear(port, "owner {reply,2,{ok,2}}");
  }
  close_port(port);
}

static void of_several_timeouts_in_the_queue_each_ends_its_own_request(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_FRAME, 0, in_pool("0", "0"));
  for (int i = 1; i <= 20; i++) {
    char text[80];
    /* The later ones are the first to be late; every fourth is never. */
    (void)snprintf(text, sizeof text, "{eval, %d, `%d`, #{timeout => %d}}", i, i,
                   i % 4 == 0 ? 100000000 : 200 - 10 * i);
    ask(port, WAY_FRAME, 0, text);
  }
  bool late[21] = {false};
  for (int i = 0; i < 15; i++) { /* in any order: on a busy machine several are late at once */
    int id = 0;
    must_become(has_message(port));
    (void)sscanf(port->home.messages[port->home.taken], "owner {reply,%d,{error,timeout}}", &id);
    assert_in_range(id, 1, 19);
    assert_false(late[id]);
    late[id] = true;
    must_hear(port, "owner {reply,*,{error,timeout}}");
  }
  for (int i = 0; i <= 20; i += 4) assert_false(late[i]);
  drain(port);
  for (int i = 0; i <= 20; i += 4) {
    char wanted[60];
    (void)snprintf(wanted, sizeof wanted, "owner {reply,%d,{ok,%d}}", i, i);
    must_hear(port, wanted);
  }
  close_port(port);
}

static void of_an_interrupt_and_a_timeout_the_first_is_told(void **state)
{
  (void)state;
  struct port *port = open_port("slice=1000");
  ask(port, WAY_FRAME, 0, "{eval, 1, `loop {}`, #{timeout => 5}}");
  ask(port, WAY_FRAME, 0, "interrupt");
  pause_us(20000);
  drain(port);
  must_hear(port, "owner {reply,1,{error,*}}");
  ask(port, WAY_FRAME, 0,
      "{eval, 2, `begin; print 1; loop {}; rescue Exception => e; e.class.to_s; end`}");
  run_to_output(port);
  ask(port, WAY_FRAME, 0, "interrupt");
  drain(port);
  must_hear(port, "owner {reply,2,{error,interrupted}}"); /* though the script went on and ended */
  close_port(port);
}

/* --- opening --- */

static void the_limits_of_the_options_can_be_opened(void **state)
{
  (void)state;
  static const char *const texts[] = {
      "memory_limit=1048576",
      "memory_limit=4294967296",
      "max_frame=64 max_source=1 max_depth=1 max_atoms=0 queue_limit=0",
      "slice=50 grace=1",
      "slice=100000 grace=1048576 timeout=1099511627776",
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    struct port *port = open_port(texts[i]);
    ask(port, WAY_REQUEST, CALLER, "{eval, &1, `7`}");
    if (port->answer.kind == ANSWER_LATER) {
      uint64_t token = port->answer.token;
      drain(port);
      claim(port, CALLER, token, "&1");
    }
    must_be_answered(port, ANSWER_NOW, "{ok,7}");
    close_interp(port);
    free_port(port);
  }
}

/* In a process that may have no more than so much address space, opening fails or works. */
static int open_with_little(size_t more)
{
  struct port *port = calloc(1, sizeof *port);
  const char *bad;
  if (!port || options_parse("memory_limit=8000000", &port->options, &bad)) return 1;
  if (atoms_open(10, &port->atoms) || pool_open(POOL_ASYNC, 0, interp_run, &port->pool)) return 2;
  coroutine_pool_trim(0);
  size_t mapped = mapped_bytes();
  if (mapped == 0) return 3;
  size_t limit = mapped + more;
  struct rlimit most = {limit, limit};
  if (setrlimit(RLIMIT_AS, &most) != 0) return 4;
  enum status status = interp_open(&port->options, &home_transport, &port->home, port->pool,
                                   port->atoms, NULL, &port->interp);
  if (status == STATUS_NO_MEMORY) return port->home.gone == 0 && !port->interp ? 10 : 5;
  if (status) return 6;
  ask(port, WAY_REQUEST, CALLER, "{eval, &1, `1`}");
  if (port->answer.kind != ANSWER_NOW) return 7;
  interp_close(port->interp);
  return port->home.gone == 1 ? 11 : 8;
}

static void opening_fails_cleanly_where_the_system_has_no_memory_to_give(void **state)
{
  (void)state;
  if (TEST_UNDER_ASAN || TEST_UNDER_TSAN) skip(); /* they need more address space than any limit */
  const char *preloaded = getenv("LD_PRELOAD");
  if (preloaded && strstr(preloaded, "vgpreload")) skip(); /* so does valgrind */
  size_t failed = 0, opened = 0;
  for (size_t more = 0; more <= (size_t)96 << 20; more += (size_t)2 << 20) {
    (void)fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
      (void)signal(SIGSEGV, SIG_DFL);
      (void)signal(SIGABRT, SIG_DFL);
      _exit(open_with_little(more));
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status))
      fail_msg("with %zu MB: ended by signal %d", more >> 20, WTERMSIG(status));
    if (WEXITSTATUS(status) == 10)
      failed++;
    else if (WEXITSTATUS(status) == 11)
      opened++;
    else
      fail_msg("with %zu MB: status %d", more >> 20, WEXITSTATUS(status));
  }
  assert_true(failed > 2 && opened > 2);
}

static void interpreters_are_opened_and_closed_by_the_hundred(void **state)
{
  (void)state;
  struct port *ports[100];
  for (size_t i = 0; i < 100; i++) {
    ports[i] = open_port("");
    ask(ports[i], WAY_FRAME, 0, i % 2 ? "{eval, 1, `sleep`}" : in_pool("1", "1"));
  }
  for (size_t i = 0; i < 100; i++) {
    close_interp(ports[i]);
    free_port(ports[i]);
  }
}

/* --- closing --- */

/* Which ways are told of the end? The owner closed the port, a token not claimed has nobody. */
static bool hears_of_the_close(enum way way) { return way != WAY_FRAME; }

static void an_idle_interpreter_is_freed_at_once(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_FRAME, 0, "{eval, 1, `$x = 'x' * 100_000; 1`}");
  must_hear(port, "owner {reply,1,{ok,1}}");
  close_interp(port);
  assert_int_equal(port->home.gone, 1);
  must_hear_nothing(port);
  free_port(port);
}

static void closing_answers_what_waits_in_the_pool_and_in_the_queue(void **state)
{
  (void)state;
  for (size_t i = 0; i < WAYS; i++)
    for (int begun = 0; begun < 3; begun++) {
      struct port *port = open_port("slice=1000");
      ask(port, ways[i], CALLER,
          begun == 0   ? in_pool("&1", "1")
          : begun == 1 ? "{eval, &1, `loop {}`}"
                       : "{eval, &1, `sleep`}");
      must_be_accepted(port, ways[i], "&1");
      ask(port, ways[i], CALLER, "{eval, &2, `2`}");
      must_be_accepted(port, ways[i], "&2");
      ask(port, WAY_FRAME, 0, "{eval, `cast`}");
      close_interp(port);
      assert_int_equal(port->home.gone, 1); /* nothing of it is left in the pool */
      if (hears_of_the_close(ways[i])) {
        must_become(port->home.count == 2);
        bool first = text_like(port->home.messages[0], "* &1 *") ||
                     text_like(port->home.messages[0], "*{reply,&1,*");
        must_hear_late(port, ways[i], first ? "&1" : "&2", "{error,closed}");
        must_hear_late(port, ways[i], first ? "&2" : "&1", "{error,closed}");
      }
      must_hear_nothing(port);
      assert_false(pool_run_one(port->pool));
      free_port(port);
    }
}

static void tokens_that_were_not_claimed_are_dropped_by_closing(void **state)
{
  (void)state;
  struct port *port = open_port("");
  (void)token_of(port, in_pool("&1", "1"));
  drain(port);
  (void)token_of(port, in_pool("&1", "1"));
  (void)token_of(port, "{eval, &2, `1`}");
  close_interp(port);
  must_hear_nothing(port);
  free_port(port);
}

static void closing_in_the_middle_of_a_slice_answers_once_and_frees_afterwards(void **state)
{
  (void)state;
  static const char *const rests[] = {"loop {}", "5",       "raise 'x'",
                                      "sleep",   "exit(3)", "print 'more'; loop { print '.' }"};
  for (size_t i = 0; i < WAYS; i++)
    for (size_t k = 0; k < 6; k++) {
      struct port *port = open_port("slice=1000");
      struct lender lender;
      start_held(&lender, port, ways[i], rests[k]);
      if (ways[i] == WAY_REQUEST) {
        claim(port, CALLER, port->answer.token, "&1");
        must_be_answered(port, ANSWER_LATER, NULL);
      }
      close_interp(port);
      assert_int_equal(port->home.gone, 0);
      if (hears_of_the_close(ways[i])) must_hear_late(port, ways[i], "&1", "{error,closed}");
      must_hear_nothing(port);
      let_go(&lender);
      must_become(port->home.gone == 1);
      must_hear(port, "owner {output,stdout,\"held\"}");
      for (size_t m = port->home.taken; m < port->home.count; m++)
        assert_true(text_like(port->home.messages[m], "owner {output,stdout,*}"));
      free_port(port);
    }
}

static void closing_while_an_answer_is_on_its_way_does_not_answer_twice(void **state)
{
  (void)state;
  for (size_t i = 0; i < WAYS; i++) {
    if (ways[i] == WAY_REQUEST) continue; /* is claimed, and then as WAY_ASYNC */
    struct port *port = open_port("");
    struct lender lender;
    ask(port, ways[i], CALLER, in_pool("&1", "5"));
    must_be_accepted(port, ways[i], "&1");
    port->home.gates = GATE_REPLY;
    start_lender(&lender, port);
    must_become(port->home.held & GATE_REPLY);
    close_interp(port);
    assert_int_equal(port->home.gone, 0);
    must_hear_nothing(port);
    let_go(&lender);
    must_become(port->home.gone == 1);
    must_hear_late(port, ways[i], "&1", "{ok,5}");
    must_hear_nothing(port);
    free_port(port);
  }
}

static void closing_while_the_last_frame_is_on_its_way_frees_afterwards(void **state)
{
  (void)state;
  struct port *port = open_port("");
  struct lender lender;
  ask(port, WAY_FRAME, 0, in_pool("1", "exit(3)"));
  port->home.gates = GATE_EXIT;
  start_lender(&lender, port);
  must_become(port->home.held & GATE_EXIT);
  close_interp(port);
  assert_int_equal(port->home.gone, 0);
  let_go(&lender);
  must_become(port->home.gone == 1);
  must_hear(port, "owner {reply,1,{error,closed}}");
  must_hear(port, "owner {exit,3}");
  must_hear_nothing(port);
  free_port(port);
}

static void closing_while_the_watchdog_tells_of_a_timeout_frees_afterwards(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_FRAME, 0, in_pool("1", "1"));
  port->home.gates = GATE_REPLY;
  ask(port, WAY_FRAME, 0, "{eval, 2, `2`, #{timeout => 1}}");
  must_become(port->home.held & GATE_REPLY);
  close_interp(port);
  assert_int_equal(port->home.gone, 0);
  port->home.gates = 0;
  must_become(port->home.gone == 1);
  must_hear(port, "owner {reply,2,{error,timeout}}");
  must_hear_nothing(port);
  free_port(port);
}

/* As when the driver is unloaded at that moment. */
static void a_timer_that_rings_needs_no_pool_after_closing(void **state)
{
  (void)state;
  struct port *port = open_port("");
  ask(port, WAY_FRAME, 0, in_pool("1", "1"));
  port->home.gates = GATE_REPLY;
  ask(port, WAY_FRAME, 0, "{eval, 2, `2`, #{timeout => 1}}");
  must_become(port->home.held & GATE_REPLY); /* the watchdog's thread, which answers it */
  close_interp(port);
  pool_close(port->pool);
  port->pool = NULL;
  port->home.gates = 0;
  must_become(port->home.gone == 1);
  must_hear(port, "owner {reply,2,{error,timeout}}");
  must_hear_nothing(port);
  free_port(port);
}

static void a_timer_that_was_set_does_not_ring_after_closing(void **state)
{
  (void)state;
  for (int i = 0; i < 200; i++) {
    struct port *port = open_port("");
    ask(port, WAY_FRAME, 0, "{eval, 1, `sleep 0.001`, #{timeout => 1}}");
    ask(port, WAY_FRAME, 0, "{eval, 2, `2`, #{timeout => 1}}");
    if (i % 3 > 0) pause_us(i * 10);
    close_interp(port); /* before, while, or after it rings */
    free_port(port);
  }
}

/* --- figures --- */

static void info_tells_the_figures(void **state)
{
  (void)state;
  struct port *port = open_port("memory_limit=32000000 queue_limit=77 timeout=60000");
  ask(port, WAY_CONTROL, CALLER, "{eval, &1, `1`}");
  ask(port, WAY_CONTROL, CALLER, "{call, &1, nope, []}");
  ask(port, WAY_FRAME, 0, in_pool("1", "1"));
  ask(port, WAY_FRAME, 0, "{eval, 2, `2`}");
  ask(port, WAY_CONTROL, CALLER, "{info, {my, id}}");
  must_be_answered(port, ANSWER_NOW, "{reply,{my,id},{ok,#{*}}}");
  static const char *const figures[] = {"transport=>test",
                                        "pool=>async",
                                        "state=>ready",
                                        "mruby=>\"3.",
                                        "memory_limit=>32000000",
                                        "queue=>1,",
                                        "queue_limit=>77",
                                        "timeout=>60000",
                                        "jobs=>2",
                                        "evals=>1",
                                        "calls=>1",
                                        "errors=>1",
                                        "timeouts=>0",
                                        "interrupts=>0",
                                        "slices=>2",
                                        "preemptions=>0"};
  for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
    if (!strstr(port->text, figures[i])) fail_msg("no %s in %s", figures[i], port->text);
  long memory = 0, peak = 0;
  assert_int_equal(sscanf(strstr(port->text, "memory=>"), "memory=>%ld", &memory), 1);
  assert_int_equal(sscanf(strstr(port->text, "memory_peak=>"), "memory_peak=>%ld", &peak), 1);
  assert_true(memory > 100000 && peak >= memory);
  drain(port);
  must_hear(port, "owner {reply,1,{ok,1}}");
  must_hear(port, "owner {reply,2,{ok,2}}");
  ask(port, WAY_REQUEST, CALLER, "{info, &1}");
  must_be_answered(port, ANSWER_NOW, "{ok,#{*state=>idle*jobs=>4,*}}");
  ask(port, WAY_FRAME, 0, "{eval, 3, `sleep`}");
  ask(port, WAY_FRAME, 0, "{info, 4}");
  must_hear(port, "owner {reply,4,{ok,#{*state=>waiting*}}}");
  ask(port, WAY_ASYNC, CALLER, "{info, &1}");
  must_hear(port, "answer 77 &1 {ok,#{*}}");
  close_interp(port);
  free_port(port);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_jobs, end_jobs)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(a_request_that_is_done_inline_is_answered_at_once_each_way),
      TEST(a_request_behind_others_is_queued_each_way),
      TEST(a_request_beyond_the_queue_limit_is_told_that_it_is_busy_each_way),
      TEST(without_a_queue_only_an_idle_interpreter_takes_requests),
      TEST(a_bad_request_is_told_why_each_way),
      TEST(what_is_no_request_is_answered_with_undefined),
      TEST(a_message_can_be_addressed_with_a_reference_only),
      TEST(replies_come_in_the_order_of_the_requests),
      TEST(a_cast_has_no_answer_each_way_that_may_cast),
      TEST(the_value_of_a_cast_need_not_have_a_form_in_erlang),
      TEST(a_cast_that_is_refused_is_told_to_who_sent_it),
      TEST(a_timeout_stops_a_request_that_runs_each_way),
      TEST(a_timeout_stops_a_request_in_the_queue_each_way),
      TEST(a_timeout_stops_a_request_that_waits_to_begin),
      TEST(a_timeout_wakes_a_request_that_sleeps),
      TEST(a_request_may_name_another_timeout_or_none),
      TEST(a_timeout_that_was_kept_does_not_stop_a_later_request),
      TEST(of_several_timeouts_in_the_queue_each_ends_its_own_request),
      TEST(of_an_interrupt_and_a_timeout_the_first_is_told),
      TEST(the_limits_of_the_options_can_be_opened),
      TEST(opening_fails_cleanly_where_the_system_has_no_memory_to_give),
      TEST(interpreters_are_opened_and_closed_by_the_hundred),
      TEST(an_idle_interpreter_is_freed_at_once),
      TEST(closing_answers_what_waits_in_the_pool_and_in_the_queue),
      TEST(tokens_that_were_not_claimed_are_dropped_by_closing),
      TEST(closing_in_the_middle_of_a_slice_answers_once_and_frees_afterwards),
      TEST(closing_while_an_answer_is_on_its_way_does_not_answer_twice),
      TEST(closing_while_the_last_frame_is_on_its_way_frees_afterwards),
      TEST(closing_while_the_watchdog_tells_of_a_timeout_frees_afterwards),
      TEST(a_timer_that_rings_needs_no_pool_after_closing),
      TEST(a_timer_that_was_set_does_not_ring_after_closing),
      TEST(info_tells_the_figures),
  };
  return cmocka_run_group_tests(tests, start_watchdog, stop_watchdog);
}
