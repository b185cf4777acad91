/* Ports: see interp_fixture.h. */
#include "interp_fixture.h"

#include "faults.h"
#include "terms.h"
#include "waiting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- the transport --- */

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

enum sent home_post(void *data, const uint8_t *frame, size_t length)
{
  struct home *home = data;
  char *text = term_text(frame, length);
  enum sent sent = (enum sent)atomic_load(&home->posting);
  if (sent == SENT) deliver(home, worded("post %s", text));
  free(text);
  return sent;
}

void home_output(void *data, const uint8_t *bytes, size_t length)
{
  struct home *home = data;
  pass(home, GATE_OUTPUT);
  if (length > 0 && bytes[0] == 131) {
    char *text = term_text(bytes, length);
    deliver(home, worded("owner %s", text));
    free(text);
  } else {
    deliver(home, worded("text %.*s", (int)length, (const char *)bytes));
  }
}

enum reading home_reading(void *data)
{
  struct home *home = data;
  return (enum reading)atomic_load(&home->reading);
}

/* The owner sends the frames, and is CALLER too. */
bool home_is_deaf(void *data, uintptr_t caller)
{
  (void)data;
  return caller == 0 || caller == CALLER;
}

void home_taken(void *data, bool output, uint64_t bytes)
{
  deliver(data, worded("taken %s %llu", output ? "output" : "posted", (unsigned long long)bytes));
}

void home_event(void *data, const uint8_t *frame, size_t length)
{
  char *text = term_text(frame, length);
  deliver(data, worded("event %s", text));
  free(text);
}

void home_tend(void *data)
{
  struct home *home = data;
  home->tends++;
}

void home_gone(void *data)
{
  struct home *home = data;
  home->gone++;
}

const struct transport home_transport = {
    .to_owner = home_to_owner,
    .last = home_to_owner,
    .to_caller = home_to_caller,
    .answer = home_answer,
    .post = home_post,
    .output = home_output,
    .reading = home_reading,
    .is_deaf = home_is_deaf,
    .taken = home_taken,
    .event = home_event,
    .tend = home_tend,
    .gone = home_gone,
    .name = "test",
};

/* --- a port --- */

struct port *new_port(enum pool_form form, unsigned workers, const char *options)
{
  struct port *port = calloc(1, sizeof *port);
  const char *bad;
  assert_non_null(port);
  install_fault_handler();
  pthread_mutex_init(&port->home.lock, NULL);
  assert_int_equal(options_parse(options, &port->options, &bad), STATUS_OK);
  assert_int_equal(atoms_open((size_t)port->options.max_atoms, &port->atoms), STATUS_OK);
  assert_int_equal(pool_open(form, workers, interp_run, &port->pool), STATUS_OK);
  return port;
}

void open_interp(struct port *port, const struct transport *to)
{
  port->home.gone = 0;
  assert_int_equal(
      interp_open(&port->options, to, &port->home, port->pool, port->atoms, NULL, &port->interp),
      STATUS_OK);
}

struct port *open_port_with(enum pool_form form, unsigned workers, const char *options)
{
  struct port *port = new_port(form, workers, options);
  open_interp(port, &home_transport);
  return port;
}

struct port *open_port(const char *options)
{
  char text[200];
  (void)snprintf(text, sizeof text, "slice=100000 %s", options);
  return open_port_with(POOL_ASYNC, 0, text);
}

void close_interp(struct port *port)
{
  if (port->interp) interp_close(port->interp);
  port->interp = NULL;
}

void free_port(struct port *port)
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

void close_port(struct port *port)
{
  must_hear_nothing(port);
  close_interp(port);
  must_hear_nothing(port);
  free_port(port);
}

/* --- requests --- */

const enum way ways[WAYS] = {WAY_FRAME, WAY_CONTROL, WAY_REQUEST, WAY_ASYNC};

static void keep_answer(struct port *port)
{
  free(port->text);
  port->text = NULL;
  if (port->answer.kind == ANSWER_NOW)
    port->text = term_text(port->answer.bytes, port->answer.length);
  (void)interp_tend(port->interp); /* as the driver does when it has copied the answer */
}

void ask_bytes(struct port *port, enum way way, uintptr_t caller, const uint8_t *bytes,
               size_t length)
{
  struct bytes frame = bytes_copy(bytes, length);
  interp_request(port->interp, way, way == WAY_FRAME ? 0 : caller, frame.at, frame.length,
                 &port->answer);
  memset(frame.at, 0xee, frame.length); /* valid during the call only */
  free(frame.at);
  keep_answer(port);
}

void ask(struct port *port, enum way way, uintptr_t caller, const char *text)
{
  struct bytes frame = term_bytes(text);
  ask_bytes(port, way, caller, frame.at, frame.length);
  free(frame.at);
}

char *in_pool(const char *id, const char *code)
{
  static char text[INLINE_BYTES + 2000];
  (void)snprintf(text, sizeof text, "{eval, %s, `%s\n#%0*d`}", id, code, (int)INLINE_BYTES, 0);
  return text;
}

uint64_t token_of(struct port *port, const char *text)
{
  ask(port, WAY_REQUEST, CALLER, text);
  must_be_answered(port, ANSWER_LATER, NULL);
  assert_true(port->answer.token > 0);
  return port->answer.token;
}

void claim(struct port *port, uintptr_t caller, uint64_t token, const char *id)
{
  struct bytes term = term_bytes(id);
  interp_claim(port->interp, caller, token, (struct piece){term.at + 1, term.length - 1},
               &port->answer);
  memset(term.at, 0xee, term.length);
  free(term.at);
  keep_answer(port);
}

void abandon(struct port *port, uintptr_t caller, const char *id)
{
  struct bytes term = term_bytes(id);
  interp_abandon(port->interp, caller, (struct piece){term.at + 1, term.length - 1});
  free(term.at);
}

/* --- slices --- */

size_t drain(struct port *port)
{
  size_t slices = 0;
  while (pool_run_one(port->pool)) slices++;
  return slices;
}

void run_to_output(struct port *port)
{
  while (!has_message(port)) (void)pool_run_one(port->pool);
  must_hear(port, "owner {output,*}");
}

static void *lend(void *data)
{
  struct lender *lender = data;
  drain(lender->port);
  return NULL;
}

void start_lender(struct lender *lender, struct port *port)
{
  lender->port = port;
  assert_int_equal(pthread_create(&lender->thread, NULL, lend, lender), 0);
}

void start_held(struct lender *lender, struct port *port, enum way way, const char *rest)
{
  char code[300];
  (void)snprintf(code, sizeof code, "print 'held'; %s", rest);
  ask(port, way, CALLER, in_pool("&1", code));
  port->home.gates = GATE_OUTPUT;
  start_lender(lender, port);
  must_become(port->home.held & GATE_OUTPUT);
}

void let_go(struct lender *lender)
{
  lender->port->home.gates = 0;
  pthread_join(lender->thread, NULL);
}

/* --- what came of it --- */

bool has_message(struct port *port)
{
  pthread_mutex_lock(&port->home.lock);
  bool has = port->home.taken < port->home.count;
  pthread_mutex_unlock(&port->home.lock);
  return has;
}

void must_hear(struct port *port, const char *pattern)
{
  must_become(has_message(port));
  pthread_mutex_lock(&port->home.lock);
  const char *message = port->home.messages[port->home.taken++];
  pthread_mutex_unlock(&port->home.lock);
  must_be_like(message, pattern);
}

void must_hear_nothing(struct port *port)
{
  pthread_mutex_lock(&port->home.lock);
  const char *message =
      port->home.taken < port->home.count ? port->home.messages[port->home.taken] : NULL;
  pthread_mutex_unlock(&port->home.lock);
  if (message) fail_msg("was sent: %s", message);
}

void must_be_answered(struct port *port, enum answer_kind kind, const char *pattern)
{
  if (port->answer.kind != kind)
    fail_msg("answer %d: %s", (int)port->answer.kind, port->text ? port->text : "");
  if (kind == ANSWER_NOW) must_be_like(port->text, pattern);
}

void must_be_answered_now(struct port *port, enum way way, const char *result)
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

void must_be_accepted(struct port *port, enum way way, const char *id)
{
  bool later = way == WAY_CONTROL || way == WAY_REQUEST;
  must_be_answered(port, later ? ANSWER_LATER : ANSWER_NONE, NULL);
  assert_int_equal(port->answer.watch_caller, way != WAY_FRAME);
  if (way != WAY_REQUEST) return;
  claim(port, CALLER, port->answer.token, id);
  must_be_answered(port, ANSWER_LATER, NULL);
}

void must_hear_late(struct port *port, enum way way, const char *id, const char *result)
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

/* --- calls --- */

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

const char *must_call(struct port *port, const char *name_and_arguments)
{
  char pattern[300];
  (void)snprintf(pattern, sizeof pattern, "{call,{*,*},%s}", name_and_arguments);
  must_be_answered(port, ANSWER_NOW, pattern);
  assert_true(port->answer.watch_caller);
  return call_id(port->text);
}

const char *must_hear_call(struct port *port, const char *to, const char *name_and_arguments)
{
  char pattern[300];
  must_become(
      (drain(port), has_message(port))); /* on a slow machine it may have left its callback */
  const char *id = call_id(port->home.messages[port->home.taken]);
  (void)snprintf(pattern, sizeof pattern, "%s {call,{*,*},%s}", to, name_and_arguments);
  must_hear(port, pattern);
  return id;
}

void give_back(struct port *port, enum way way, uintptr_t from, const char *id, const char *result)
{
  char text[400];
  (void)snprintf(text, sizeof text, "{return, %s, %s}", id, result);
  ask(port, way, from, text);
}

void take(struct port *port, uintptr_t handler, const char *id)
{
  char text[100];
  (void)snprintf(text, sizeof text, "{take, %s}", id);
  ask(port, WAY_REQUEST, handler, text);
}

void must_be_idle(struct port *port)
{
  assert_false(interp_is_busy(port->interp));
  ask(port, WAY_REQUEST, CALLER, "{eval, 1, `1 + 1`}");
  if (port->answer.kind == ANSWER_LATER) { /* on a slow machine, in short slices */
    uint64_t token = port->answer.token;
    drain(port);
    claim(port, CALLER, token, "&9");
  }
  must_be_answered(port, ANSWER_NOW, "{ok,2}");
}

void must_be_gone(struct port *port) { must_be_answered(port, ANSWER_NOW, "{error,gone}"); }
