/* Tests of driver/interpreter.c and driver/interp_info.c.
 *
 * The transport records what is sent, and can be made to block, so that a job stands still in a phase that
 * is over in a moment otherwise. Most tests use a pool of the form `async` and run its slices
 * themselves, one after the other: then nothing happens by chance. The last ones let threads loose. */
#include "interpreter.h"

#include "coroutine.h"
#include "faults.h"
#include "job_fixture.h"
#include "sanitizers.h"
#include "seed.h"
#include "terms.h"
#include "waiting.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* --- the transport --- */

/* What may be held back: a thread that sends such a message waits until the gate is opened. */
enum gate { GATE_OUTPUT = 1, GATE_REPLY = 2, GATE_EXIT = 4 };

struct home {
  pthread_mutex_t lock;
  char *messages[4000]; /* [lock] "owner {reply,…}", "caller 7 {…}", "answer 7 &1 {…}", "text …" */
  size_t count, taken; /* [lock] */
  _Atomic int gates;   /* closed ones */
  _Atomic int tickets; /* so many messages pass all the same */
  _Atomic int held;    /* at which a thread waits */
  _Atomic int tends, gone;
};

static void deliver(struct home *home, char *message)
{
  pthread_mutex_lock(&home->lock);
  if (home->count == sizeof home->messages / sizeof *home->messages) abort();
  home->messages[home->count++] = message;
  pthread_mutex_unlock(&home->lock);
}

static void pass(struct home *home, int gate)
{
  while (home->gates & gate) {
    if (home->tickets > 0) {
      home->tickets--;
      break;
    }
    home->held |= gate;
    pause_us(100);
  }
  home->held &= ~gate;
}

static char *worded(const char *format, ...) __attribute__((format(printf, 1, 2)));
static char *worded(const char *format, ...)
{
  char *text = NULL;
  va_list arguments;
  va_start(arguments, format);
  int length = vasprintf(&text, format, arguments);
  va_end(arguments);
  if (length < 0) abort();
  return text;
}

static void home_to_owner(void *data, const uint8_t *frame, size_t length)
{
  struct home *home = data;
  char *text = term_text(frame, length);
  pass(home, strncmp(text, "{output", 7) == 0 ? GATE_OUTPUT
             : strncmp(text, "{exit", 5) == 0 ? GATE_EXIT
                                              : GATE_REPLY);
  deliver(home, worded("owner %s", text));
  free(text);
}

static void home_to_caller(void *data, uintptr_t caller, const uint8_t *frame, size_t length)
{
  struct home *home = data;
  char *text = term_text(frame, length);
  pass(home, GATE_REPLY);
  deliver(home, worded("caller %d %s", (int)caller, text));
  free(text);
}

static void home_answer(void *data, uintptr_t caller, struct piece id, struct piece result)
{
  struct home *home = data;
  char *id_text = term_text(id.bytes, id.length), *text = term_text(result.bytes, result.length);
  pass(home, GATE_REPLY);
  deliver(home, worded("answer %d %s %s", (int)caller, id_text, text));
  free(id_text);
  free(text);
}

static void home_text(void *data, const char *bytes, size_t length)
{
  struct home *home = data;
  pass(home, GATE_OUTPUT);
  deliver(home, worded("text %.*s", (int)length, bytes));
}

static void home_tend(void *data)
{
  struct home *home = data;
  home->tends++;
}

static void home_gone(void *data)
{
  struct home *home = data;
  home->gone++;
}

static const struct transport transport = {home_to_owner, home_to_caller, home_answer, home_text,
                                           home_tend,     home_gone,      "test"};

/* --- a port --- */

struct port {
  struct home home;
  struct options options;
  struct atoms *atoms;
  struct pool *pool;
  struct interp *interp;
  struct answer answer; /* the last one */
  char *text;           /* its bytes as text */
};

static struct port *open_port_with(enum pool_form form, unsigned workers, const char *options)
{
  struct port *port = calloc(1, sizeof *port);
  const char *bad;
  assert_non_null(port);
  install_fault_handler();
  pthread_mutex_init(&port->home.lock, NULL);
  assert_int_equal(options_parse(options, &port->options, &bad), STATUS_OK);
  assert_int_equal(atoms_open((size_t)port->options.max_atoms, &port->atoms), STATUS_OK);
  assert_int_equal(pool_open(form, workers, interp_run, &port->pool), STATUS_OK);
  assert_int_equal(
      interp_open(&port->options, &transport, &port->home, port->pool, port->atoms, &port->interp),
      STATUS_OK);
  return port;
}

/* Slices run when the test says so. They are long, so that what ought to be done in the first one is;
 * what must overrun one names a shorter. */
static struct port *open_port(const char *options)
{
  char text[200];
  (void)snprintf(text, sizeof text, "slice=100000 %s", options);
  return open_port_with(POOL_ASYNC, 0, text);
}

static void close_interp(struct port *port)
{
  if (port->interp) interp_close(port->interp);
  port->interp = NULL;
}

static void free_port(struct port *port)
{
  assert_null(port->interp);
  must_become(port->home.gone == 1);
  pool_close(port->pool);
  assert_int_equal(port->home.gone, 1);
  atoms_close(port->atoms);
  for (size_t i = 0; i < port->home.count; i++) free(port->home.messages[i]);
  pthread_mutex_destroy(&port->home.lock);
  free(port->text);
  free(port);
}

static void must_hear_nothing(struct port *port);

/* All that was sent must have been looked at before. */
static void close_port(struct port *port)
{
  must_hear_nothing(port);
  close_interp(port);
  must_hear_nothing(port);
  free_port(port);
}

static void keep_answer(struct port *port)
{
  free(port->text);
  port->text = NULL;
  if (port->answer.kind == ANSWER_NOW)
    port->text = term_text(port->answer.bytes, port->answer.length);
  (void)interp_tend(port->interp); /* as the driver does when it has copied the answer */
}

static void ask_bytes(struct port *port, enum way way, uintptr_t caller, const uint8_t *bytes,
                      size_t length)
{
  struct bytes frame = bytes_copy(bytes, length);
  interp_request(port->interp, way, way == WAY_FRAME ? 0 : caller, frame.at, frame.length,
                 &port->answer);
  memset(frame.at, 0xee, frame.length); /* valid during the call only */
  free(frame.at);
  keep_answer(port);
}

static void ask(struct port *port, enum way way, uintptr_t caller, const char *text)
{
  struct bytes frame = term_bytes(text);
  ask_bytes(port, way, caller, frame.at, frame.length);
  free(frame.at);
}

static void claim(struct port *port, uintptr_t caller, uint64_t token, const char *id)
{
  struct bytes term = term_bytes(id);
  interp_claim(port->interp, caller, token, (struct piece){term.at + 1, term.length - 1},
               &port->answer);
  memset(term.at, 0xee, term.length);
  free(term.at);
  keep_answer(port);
}

static void abandon(struct port *port, uintptr_t caller, const char *id)
{
  struct bytes term = term_bytes(id);
  interp_abandon(port->interp, caller, (struct piece){term.at + 1, term.length - 1});
  free(term.at);
}

/* {eval, Id, Code} whose code is too long to run inline: it waits in the pool, not begun. */
static char *in_pool(const char *id, const char *code)
{
  static char text[10000];
  (void)snprintf(text, sizeof text, "{eval, %s, `%s\n#%08200d`}", id, code, 0);
  return text;
}

/* The same for code that prints when it has come to where it shall be. */
static void must_hear(struct port *port, const char *pattern);
static bool has_message(struct port *port);

static void run_to_output(struct port *port)
{
  while (!has_message(port)) (void)pool_run_one(port->pool);
  must_hear(port, "owner {output,*}");
}

static size_t drain(struct port *port)
{
  size_t slices = 0;
  while (pool_run_one(port->pool)) slices++;
  return slices;
}

/* --- what was sent --- */

static bool has_message(struct port *port)
{
  pthread_mutex_lock(&port->home.lock);
  bool has = port->home.taken < port->home.count;
  pthread_mutex_unlock(&port->home.lock);
  return has;
}

static void must_hear(struct port *port, const char *pattern)
{
  must_become(has_message(port));
  pthread_mutex_lock(&port->home.lock);
  const char *message = port->home.messages[port->home.taken++];
  pthread_mutex_unlock(&port->home.lock);
  must_be_like(message, pattern);
}

static void must_hear_nothing(struct port *port)
{
  pthread_mutex_lock(&port->home.lock);
  const char *message =
      port->home.taken < port->home.count ? port->home.messages[port->home.taken] : NULL;
  pthread_mutex_unlock(&port->home.lock);
  if (message) fail_msg("was sent: %s", message);
}

static void must_be_answered(struct port *port, enum answer_kind kind, const char *pattern)
{
  if (port->answer.kind != kind)
    fail_msg("answer %d: %s", (int)port->answer.kind, port->text ? port->text : "");
  if (kind == ANSWER_NOW) must_be_like(port->text, pattern);
}

/* --- the four ways --- */

#define CALLER 77

static const enum way ways[] = {WAY_FRAME, WAY_CONTROL, WAY_REQUEST, WAY_ASYNC};
#define WAYS 4

/* The last request, with the id &1, was answered at once. */
static void must_be_answered_now(struct port *port, enum way way, const char *result)
{
  char pattern[500];
  switch (way) {
  case WAY_FRAME:
    must_be_answered(port, ANSWER_NONE, NULL);
    (void)snprintf(pattern, sizeof pattern, "owner {reply,&1,%s}", result);
    must_hear(port, pattern);
    break;
  case WAY_CONTROL:
    (void)snprintf(pattern, sizeof pattern, "{reply,&1,%s}", result);
    must_be_answered(port, ANSWER_NOW, pattern);
    break;
  case WAY_REQUEST: must_be_answered(port, ANSWER_NOW, result); break;
  case WAY_ASYNC:
    must_be_answered(port, ANSWER_NONE, NULL);
    (void)snprintf(pattern, sizeof pattern, "answer 77 &1 %s", result);
    must_hear(port, pattern);
    break;
  }
  must_hear_nothing(port);
}

/* The last request was accepted; a token is claimed with the id. */
static void must_be_accepted(struct port *port, enum way way, const char *id)
{
  bool later = way == WAY_CONTROL || way == WAY_REQUEST;
  must_be_answered(port, later ? ANSWER_LATER : ANSWER_NONE, NULL);
  assert_int_equal(port->answer.watch_caller, way != WAY_FRAME);
  if (way != WAY_REQUEST) return;
  claim(port, CALLER, port->answer.token, id);
  must_be_answered(port, ANSWER_LATER, NULL);
}

static void must_hear_late(struct port *port, enum way way, const char *id, const char *result)
{
  char pattern[500];
  switch (way) {
  case WAY_FRAME: (void)snprintf(pattern, sizeof pattern, "owner {reply,%s,%s}", id, result); break;
  case WAY_CONTROL:
    (void)snprintf(pattern, sizeof pattern, "caller 77 {reply,%s,%s}", id, result);
    break;
  case WAY_REQUEST:
  case WAY_ASYNC: (void)snprintf(pattern, sizeof pattern, "answer 77 %s %s", id, result); break;
  }
  must_hear(port, pattern);
}

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

/* --- tokens --- */

static uint64_t token_of(struct port *port, const char *text)
{
  ask(port, WAY_REQUEST, CALLER, text);
  must_be_answered(port, ANSWER_LATER, NULL);
  assert_true(port->answer.token > 0);
  return port->answer.token;
}

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

/* A thread that lends itself to the pool for as long as there is work. */
struct lender {
  pthread_t thread;
  struct port *port;
  _Atomic bool done;
};

static void *lend(void *data)
{
  struct lender *lender = data;
  drain(lender->port);
  lender->done = true;
  return NULL;
}

static void start_lender(struct lender *lender, struct port *port)
{
  lender->port = port;
  lender->done = false;
  assert_int_equal(pthread_create(&lender->thread, NULL, lend, lender), 0);
}

/* The job is in the middle of a slice on another thread: its output is held back. */
static void start_held(struct lender *lender, struct port *port, enum way way, const char *rest)
{
  char code[300];
  (void)snprintf(code, sizeof code, "print 'held'; %s", rest);
  ask(port, way, CALLER, in_pool("&1", code));
  port->home.gates = GATE_OUTPUT;
  start_lender(lender, port);
  must_become(port->home.held & GATE_OUTPUT);
}

static void let_go(struct lender *lender)
{
  lender->port->home.gates = 0;
  pthread_join(lender->thread, NULL);
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
  ask(port, WAY_FRAME, 0, "{eval, 1, `1`, #{timeout => 1}}");
  port->home.gates = GATE_REPLY;
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
  ask(port, WAY_FRAME, 0, "{eval, 1, `1`, #{timeout => 1}}");
  port->home.gates = GATE_REPLY;
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
  ask(port, WAY_ASYNC, CALLER, "{eval, &1, `1`, #{timeout => 1}}");
  port->home.gates = GATE_REPLY;
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

/* --- closing --- */

/* Which ways are told of the end? The owner has closed the port, and a token not claimed has nobody. */
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
  ask(port, WAY_FRAME, 0, "{eval, 2, `2`, #{timeout => 1}}");
  port->home.gates = GATE_REPLY;
  must_become(port->home.held & GATE_REPLY);
  close_interp(port);
  assert_int_equal(port->home.gone, 0);
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

/* --- output, responses, figures --- */

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
  unsigned long pages = 0;
  FILE *statm = fopen("/proc/self/statm", "r");
  if (!statm || fscanf(statm, "%lu", &pages) != 1) return 3;
  (void)fclose(statm);
  size_t limit = pages * (size_t)sysconf(_SC_PAGESIZE) + more;
  struct rlimit most = {limit, limit};
  if (setrlimit(RLIMIT_AS, &most) != 0) return 4;
  enum status status =
      interp_open(&port->options, &transport, &port->home, port->pool, port->atoms, &port->interp);
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

/* --- threads let loose --- */

/* One thread is the port, as the VM's scheduler is; the pool has threads of its own, or is lent some.
 * Each request has a reference of its own, so that each message tells what it answers. */
enum { REQUESTS = 6000, CALLERS = 5 };

struct story {
  enum way way;
  uintptr_t caller;
  bool addressed; /* a message will be sent, unless it is answered at once */
  bool dropped;   /* its port was closed, its token was never claimed */
  uint64_t token; /* not claimed yet */
  _Atomic int answers;
  _Atomic bool silenced; /* abandoned: nothing may come any more */
  bool died;             /* the caller did: nothing need come */
};

static struct {
  struct story story[REQUESTS + 1];
  _Atomic int late, doubled, strange;
} tale;

static void note_strange(const char *what)
{
  if (tale.strange++ < 5) print_error("strange: %s\n", what);
}

static void count_answer(unsigned id, uintptr_t caller)
{
  if (id == 0 || id > REQUESTS) {
    note_strange("an id that was not sent");
    return;
  }
  struct story *story = &tale.story[id];
  if (story->silenced) tale.late++;
  if (story->caller != caller) note_strange("another caller");
  if (++story->answers > 1) tale.doubled++;
}

static void tale_to_owner(void *data, const uint8_t *frame, size_t length)
{
  (void)data;
  unsigned id;
  char *text = term_text(frame, length);
  if (sscanf(text, "{reply,&%u,", &id) == 1)
    count_answer(id, 0);
  else if (strncmp(text, "{output,", 8) != 0 && strncmp(text, "{exit,", 6) != 0 &&
           strncmp(text, "{reply,undefined,", 17) != 0)
    note_strange(text);
  free(text);
}

static void tale_to_caller(void *data, uintptr_t caller, const uint8_t *frame, size_t length)
{
  (void)data;
  unsigned id = 0;
  char *text = term_text(frame, length);
  (void)sscanf(text, "{reply,&%u,", &id);
  count_answer(id, caller);
  free(text);
}

static void tale_answer(void *data, uintptr_t caller, struct piece id_term, struct piece result)
{
  (void)data;
  unsigned id = 0;
  char *text = term_text(id_term.bytes, id_term.length);
  (void)sscanf(text, "&%u", &id);
  count_answer(id, caller);
  free(text);
  text = term_text(result.bytes, result.length);
  if (text[0] != '{') note_strange(text);
  free(text);
}

static const struct transport tale_transport = {
    tale_to_owner, tale_to_caller, tale_answer, home_text, home_tend, home_gone, "tale"};

struct loose {
  struct port port;
  struct random random;
  unsigned next; /* the id of the next request */
  _Atomic bool over;
  pthread_t lenders[2];
};

static void *lend_until_over(void *data)
{
  struct loose *loose = data;
  while (!loose->over)
    if (!pool_run_one(loose->port.pool)) pause_us(50);
  return NULL;
}

static const char *some_code(struct random *random)
{
  static const char *const codes[] = {"1 + 2",
                                      "raise 'x'",
                                      "sleep 0.0005",
                                      "sleep 0.002",
                                      "sleep",
                                      "loop {}",
                                      "print 'x'; 1",
                                      "'x' * 5000",
                                      "x = (x || 0) + 1",
                                      "3000.times { |i| i.to_s }",
                                      "Object.new",
                                      "begin; sleep; ensure; 1; end",
                                      "begin; loop {}; rescue Exception; 2; end",
                                      "loop { begin; loop {}; rescue Exception; end }",
                                      "a = [1] * 1000; a.map { |i| i + 1 }.size"};
  if (random_below(random, 150) == 0) return "exit 3";
  return codes[random_below(random, sizeof codes / sizeof *codes)];
}

static void open_again(struct loose *loose)
{
  struct port *port = &loose->port;
  port->home.gone = 0;
  assert_int_equal(interp_open(&port->options, &tale_transport, &port->home, port->pool,
                               port->atoms, &port->interp),
                   STATUS_OK);
}

static void close_again(struct loose *loose)
{
  struct port *port = &loose->port;
  interp_close(port->interp);
  port->interp = NULL;
  must_become(port->home.gone == 1);
  assert_int_equal(port->home.gone, 1);
  for (unsigned id = 1; id < loose->next; id++) {
    struct story *story = &tale.story[id];
    if (story->token) story->dropped = true;
    if (story->way == WAY_FRAME) story->dropped = true;
    story->token = 0;
  }
}

static void claim_one(struct loose *loose, unsigned id)
{
  struct port *port = &loose->port;
  struct story *story = &tale.story[id];
  char text[20];
  (void)snprintf(text, sizeof text, "&%u", id);
  story->addressed = true;
  claim(port, story->caller, story->token, text);
  story->token = 0;
  if (port->answer.kind == ANSWER_NOW) {
    count_answer(id, story->caller);
    if (strstr(port->text, "no such token")) note_strange(port->text);
  } else {
    assert_int_equal(port->answer.kind, ANSWER_LATER);
  }
}

static void send_one(struct loose *loose)
{
  struct port *port = &loose->port;
  struct random *random = &loose->random;
  unsigned id = loose->next++;
  struct story *story = &tale.story[id];
  char text[10000], options[40] = "";
  if (random_below(random, 3) == 0)
    (void)snprintf(options, sizeof options, ", #{timeout => %d}", (int)random_below(random, 6));
  (void)snprintf(text, sizeof text, "{eval, &%u, `%s%s%0*d`%s}", id, some_code(random), "\n#",
                 random_below(random, 4) == 0 ? 8200 : 1, 0, options);
  story->way = ways[random_below(random, WAYS)];
  story->caller = story->way == WAY_FRAME ? 0 : 1 + random_below(random, CALLERS);
  story->addressed = story->way != WAY_REQUEST;
  ask(port, story->way, story->caller, text);
  if (port->answer.kind == ANSWER_NOW) count_answer(id, story->caller);
  if (port->answer.kind == ANSWER_LATER && story->way == WAY_REQUEST)
    story->token = port->answer.token;
  if (story->token && random_below(random, 4) > 0) claim_one(loose, id);
}

/* One of the last requests, the newer the likelier. */
static unsigned some_id(struct loose *loose)
{
  size_t back = 1 + random_below(&loose->random, 1 + random_below(&loose->random, 40));
  return back < loose->next ? loose->next - (unsigned)back : 1;
}

static void silence(struct story *story) { story->silenced = true; }

static void do_something(struct loose *loose)
{
  struct port *port = &loose->port;
  struct random *random = &loose->random;
  unsigned id = some_id(loose);
  struct story *story = &tale.story[id];
  uintptr_t caller = 1 + random_below(random, CALLERS);
  char text[60];
  switch (random_below(random, 24)) {
  case 0:
    if (story->token) claim_one(loose, id);
    break;
  case 1:
  case 2:
    (void)snprintf(text, sizeof text, "{interrupt, &%u}", id);
    ask(port, WAY_FRAME, 0, text);
    break;
  case 3:
  case 4: ask(port, WAY_CONTROL, caller, "interrupt"); break;
  case 5:
    if (story->way != WAY_ASYNC && !(story->way == WAY_REQUEST && story->addressed)) break;
    (void)snprintf(text, sizeof text, "&%u", id);
    abandon(port, story->caller, text);
    silence(story);
    break;
  case 6:
    if (random_below(random, 8) > 0) break;
    interp_caller_gone(port->interp, caller);
    for (unsigned i = 1; i < loose->next; i++)
      if (tale.story[i].caller == caller) {
        tale.story[i].died = true; /* what is on its way is not waited for */
        tale.story[i].token = 0;
      }
    break;
  case 7: ask(port, WAY_CONTROL, caller, "{info, &999999}"); break;
  case 8:
    ask(port, WAY_FRAME, 0, "{eval, `$cast = 1`}"); /* refused when the queue is full */
    break;
  case 9: pause_us((long)random_below(random, 2000)); break;
  case 10:
    if (random_below(random, 20) > 0 && !interp_tend(port->interp)) break;
    close_again(loose);
    open_again(loose);
    break;
  default: send_one(loose); break;
  }
}

static void let_loose(enum pool_form form)
{
  struct loose *loose = calloc(1, sizeof *loose);
  const char *bad;
  assert_non_null(loose);
  memset(&tale, 0, sizeof tale);
  install_fault_handler();
  loose->random = random_seeded();
  loose->next = 1;
  struct port *port = &loose->port;
  pthread_mutex_init(&port->home.lock, NULL);
  assert_int_equal(options_parse("queue_limit=12 grace=2 slice=600", &port->options, &bad),
                   STATUS_OK);
  assert_int_equal(atoms_open(100, &port->atoms), STATUS_OK);
  assert_int_equal(pool_open(form, 2, interp_run, &port->pool), STATUS_OK);
  for (size_t i = 0; i < 2 && form == POOL_ASYNC; i++)
    assert_int_equal(pthread_create(&loose->lenders[i], NULL, lend_until_over, loose), 0);
  open_again(loose);
  unsigned requests = TEST_UNDER_TSAN ? REQUESTS / 4 : REQUESTS;
  while (loose->next < requests) do_something(loose);
  close_again(loose);
  loose->over = true;
  for (size_t i = 0; i < 2 && form == POOL_ASYNC; i++) pthread_join(loose->lenders[i], NULL);
  pool_close(port->pool);
  atoms_close(port->atoms);
  pthread_mutex_destroy(&port->home.lock);
  free(port->text);
  unsigned missing = 0;
  for (unsigned id = 1; id < loose->next; id++) {
    struct story *story = &tale.story[id];
    if (story->answers == 0 && !story->dropped && !story->silenced && !story->died && missing++ < 5)
      print_error("&%u, way %d, was never answered\n", id, (int)story->way);
  }
  free(loose);
  assert_int_equal(missing, 0);
  assert_int_equal(tale.doubled, 0);
  assert_int_equal(tale.late, 0);
  assert_int_equal(tale.strange, 0);
}

static void whatever_happens_beside_two_workers_each_request_is_answered_once(void **state)
{
  (void)state;
  let_loose(POOL_THREADS);
}

static void whatever_happens_beside_two_lent_threads_each_request_is_answered_once(void **state)
{
  (void)state;
  let_loose(POOL_ASYNC);
}

static void many_interpreters_share_the_workers(void **state)
{
  (void)state;
  enum { PORTS = 12 };
  struct port *ports[PORTS];
  struct pool *pool = NULL;
  assert_int_equal(pool_open(POOL_THREADS, 2, interp_run, &pool), STATUS_OK);
  for (size_t i = 0; i < PORTS; i++) {
    ports[i] = open_port("slice=1000");
    interp_close(ports[i]->interp);
    pool_close(ports[i]->pool);
    ports[i]->home.gone = 0;
    ports[i]->pool = NULL;
    assert_int_equal(interp_open(&ports[i]->options, &transport, &ports[i]->home, pool,
                                 ports[i]->atoms, &ports[i]->interp),
                     STATUS_OK);
  }
  for (size_t i = 0; i < PORTS; i++) {
    char text[200];
    (void)snprintf(text, sizeof text,
                   "{eval, &1, `s = %d; 60000.times { |i| s = (s * 31 + i) %% 1000003 }; s`}",
                   (int)i);
    ask(ports[i], WAY_ASYNC, CALLER, text);
    ask(ports[i], WAY_ASYNC, CALLER, "{eval, &2, `loop {}`}");
  }
  for (size_t i = 0; i < PORTS; i++) {
    long sum = (long)i;
    char wanted[60];
    for (long k = 0; k < 60000; k++) sum = (sum * 31 + k) % 1000003;
    (void)snprintf(wanted, sizeof wanted, "answer 77 &1 {ok,%ld}", sum);
    must_hear(ports[i], wanted);
  }
  for (size_t i = 0; i < PORTS; i++) {
    close_interp(ports[i]); /* in the middle of a loop, which ends with its slice */
    must_hear(ports[i], "answer 77 &2 {error,closed}");
    must_become(ports[i]->home.gone == 1);
  }
  pool_close(pool);
  for (size_t i = 0; i < PORTS; i++) free_port(ports[i]);
}

/* Signal stacks, for instance, belong to threads that are gone. */
static size_t mapped_bytes(void)
{
  unsigned long pages = 0;
  FILE *statm = fopen("/proc/self/statm", "r");
  assert_non_null(statm);
  assert_int_equal(fscanf(statm, "%lu", &pages), 1);
  (void)fclose(statm);
  return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void a_pool_that_is_closed_leaves_no_memory_behind(void **state)
{
  (void)state;
  if (TEST_UNDER_ASAN || TEST_UNDER_TSAN) skip(); /* they keep what is freed */
  size_t before = 0;
  for (int round = 0; round < 220; round++) {
    if (round == 20) before = mapped_bytes();
    struct port *port = open_port_with(POOL_THREADS, 2, "");
    ask(port, WAY_ASYNC, CALLER, in_pool("&1", "1"));
    must_hear(port, "answer 77 &1 {ok,1}");
    close_port(port);
  }
  size_t after = mapped_bytes();
  if (after > before + ((size_t)4 << 20))
    fail_msg("%zu KB more after 200 times", (after - before) >> 10);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_jobs, end_jobs)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(a_request_that_is_done_inline_is_answered_at_once_each_way),
      TEST(a_request_that_begins_in_the_pool_is_answered_late_each_way),
      TEST(a_request_that_overruns_its_inline_slice_goes_on_in_the_pool_each_way),
      TEST(a_request_that_waits_holds_no_thread_and_is_answered_late_each_way),
      TEST(a_request_behind_others_is_queued_each_way),
      TEST(a_request_beyond_the_queue_limit_is_told_that_it_is_busy_each_way),
      TEST(without_a_queue_only_an_idle_interpreter_takes_requests),
      TEST(a_bad_request_is_told_why_each_way),
      TEST(what_is_no_request_is_answered_with_undefined),
      TEST(a_message_can_be_addressed_with_a_reference_only),
      TEST(replies_come_in_the_order_of_the_requests),
      TEST(a_request_that_comes_while_a_large_heap_is_there_begins_in_the_pool),
      TEST(a_cast_has_no_answer_each_way_that_may_cast),
      TEST(the_value_of_a_cast_need_not_have_a_form_in_erlang),
      TEST(a_cast_that_is_refused_is_told_to_who_sent_it),
      TEST(a_token_that_is_claimed_before_it_is_done_makes_a_message),
      TEST(a_token_that_is_claimed_after_it_is_done_is_answered_at_once),
      TEST(a_token_is_claimed_while_its_job_waits_and_while_it_is_ready),
      TEST(a_token_is_claimed_once),
      TEST(a_token_of_another_caller_or_of_nobody_is_refused),
      TEST(the_token_of_a_request_that_was_stopped_in_the_queue_tells_so),
      TEST(tokens_that_nobody_claims_count_for_the_queue_limit),
      TEST(an_interrupt_by_id_stops_that_request_alone),
      TEST(an_interrupt_without_an_id_stops_what_runs_and_nothing_that_waits),
      TEST(an_interrupt_wakes_a_request_that_sleeps),
      TEST(a_request_that_is_interrupted_before_it_begins_does_not_run),
      TEST(an_interrupt_of_a_cast_is_told_to_the_owner_and_ends_nothing),
      TEST(a_timeout_stops_a_request_that_runs_each_way),
      TEST(a_timeout_stops_a_request_in_the_queue_each_way),
      TEST(a_timeout_stops_a_request_that_waits_to_begin),
      TEST(a_timeout_wakes_a_request_that_sleeps),
      TEST(a_request_may_name_another_timeout_or_none),
      TEST(a_timeout_that_was_kept_does_not_stop_a_later_request),
      TEST(of_several_timeouts_in_the_queue_each_ends_its_own_request),
      TEST(of_an_interrupt_and_a_timeout_the_first_is_told),
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
      TEST(exit_answers_its_request_and_ends_the_interpreter_with_the_status),
      TEST(exit_in_a_cast_ends_the_interpreter_with_the_status),
      TEST(a_cast_that_raises_ends_the_interpreter_with_its_error),
      TEST(a_cast_without_memory_ends_the_interpreter),
      TEST(a_request_without_memory_is_told_so_and_the_interpreter_goes_on),
      TEST(a_script_that_is_killed_ends_the_interpreter_with_the_reason),
      TEST(a_script_that_is_killed_inline_ends_the_interpreter_too),
      TEST(a_script_that_fights_its_timeout_is_killed),
      TEST(what_is_queued_when_the_interpreter_ends_is_answered_each_way),
      TEST(a_token_that_was_not_claimed_when_the_interpreter_ended_tells_so),
      TEST(an_idle_interpreter_is_freed_at_once),
      TEST(closing_answers_what_waits_in_the_pool_and_in_the_queue),
      TEST(tokens_that_were_not_claimed_are_dropped_by_closing),
      TEST(closing_in_the_middle_of_a_slice_answers_once_and_frees_afterwards),
      TEST(closing_while_an_answer_is_on_its_way_does_not_answer_twice),
      TEST(the_port_is_not_to_be_closed_before_the_last_frame_is_sent),
      TEST(closing_while_the_last_frame_is_on_its_way_frees_afterwards),
      TEST(closing_while_the_watchdog_tells_of_a_timeout_frees_afterwards),
      TEST(a_timer_that_was_set_does_not_ring_after_closing),
      TEST(what_ruby_prints_is_sent_to_the_owner_as_frames),
      TEST(in_line_mode_only_text_is_sent),
      TEST(output_that_is_larger_than_a_frame_is_not_lost),
      TEST(a_reply_that_is_larger_than_a_frame_is_an_error),
      TEST(an_error_is_a_whole_term_however_small_the_frames_and_large_the_id),
      TEST(info_tells_the_figures),
      TEST(large_requests_and_replies_leave_no_memory_behind),
      TEST(the_limits_of_the_options_can_be_opened),
      TEST(opening_fails_cleanly_where_the_system_has_no_memory_to_give),
      TEST(interpreters_are_opened_and_closed_by_the_hundred),
      TEST(whatever_happens_beside_two_workers_each_request_is_answered_once),
      TEST(whatever_happens_beside_two_lent_threads_each_request_is_answered_once),
      TEST(many_interpreters_share_the_workers),
      TEST(a_pool_that_is_closed_leaves_no_memory_behind),
  };
  return cmocka_run_group_tests(tests, start_watchdog, stop_watchdog);
}
