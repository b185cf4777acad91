/* The protocol as a sequence of frames, and of all else that a port hears, against one interpreter.
 *
 * Promised and checked, against the model in dues.h: each request that has somebody to tell is answered
 * exactly once, in the way that it came, with its own Id, in {ok, _} or {error, _}; what is refused is refused
 * at once; nothing comes that is not due, in particular to a caller that has given up; every frame is one
 * whole term; after the end nothing is left (port_close). Ruby code here runs into each of its limits.
 *
 * Scripts call Erlang functions, too (told.h): each call is told once, to who waits for that script; it is taken
 * once, by somebody else than who was told directly, and returned once; what is over is `gone`, and what waits
 * for sure is not; a process that dies takes with it what it has taken. A call in a frame has the Id of its request.
 *
 * Frames hold frames: each accept is answered at once, and with ok if what it holds can't be refused; a request
 * within a call is answered as any other.
 *
 * The input: steps, each a byte with what it needs. See `step`. */
#include "dues.h"
#include "etf.h"
#include "harness.h"
#include "port.h"
#include "told.h"
#include "watchdog.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define OPTIONS                                                                                    \
  "memory_limit=3000000 timeout=10 queue_limit=4 max_frame=700 max_source=500 max_depth=8 "        \
  "max_atoms=20 slice=200 grace=2"

#define STEPS       40
#define FRAME_BYTES 2000
#define PATIENCE_NS INT64_C(15000000000)

static struct options options;
static struct buffer frame;
static bool exited; /* {exit, _} was heard */
static enum {
  NO_ACCEPT,
  UNANSWERED,
  ACCEPTED,
  REFUSED
} accepting; /* of the request that is being made */
static bool closed;

static const char *const codes[] = {
    "1 + 1",
    "x = (x || 0) + 1",
    "loop {}",
    "sleep",
    "sleep 0.001",
    "raise 'no'",
    "exit 3",
    "puts 'x' * 2000",
    "send_response [1, :a, {2 => 'b'}]",
    "'x' * 5_000_000",
    "a = []; loop { a << 'x' * 1000 }",
    "def f = f; f",
    "begin; loop {}; ensure; loop {}; end",
    "Object.new",
    "a = []; a << a",
    "(1..30).map { |i| \"atom#{rand(1000)}\".to_sym }",
    "'x' * 690",
    "yield",
    "begin; loop {}; rescue Exception; 5; end",
    "raise Erlang::Timeout",
    "Erlang.call(:f, 1)",
    "sleep 0.0003; Erlang.call('f', [x])",
    "begin; Erlang.call(:f); rescue Erlang::CallError => e; [e.kind, e.reason]; end",
    "begin; Erlang.call(:f); ensure; Erlang.call(:g); end",
    "begin; Erlang.call(:f); rescue Exception; Erlang.call(:g); loop {}; end",
    "3.times { |i| Erlang.call(:f, i) }",
    "Erlang.call(:f, 'x' * 690)",
    "Erlang.on_message { |m| send_response Erlang.call(:f, m) }",
};

/* --- what is heard --- */

static void check_result(struct etf_reader *reader)
{
  uint32_t arity;
  struct etf_item item;
  struct etf_reader start = *reader;
  if (etf_next(&start, &item) == STATUS_OK && etf_is_atom(&item, "ok")) {
    must(accepting == UNANSWERED && start.at == start.end);
    accepting = ACCEPTED;
    return;
  }
  must(etf_enter_tuple(reader, &arity) == STATUS_OK && arity == 2);
  must(etf_next(reader, &item) == STATUS_OK);
  must(etf_is_atom(&item, "ok") || etf_is_atom(&item, "error"));
  must(etf_skip(reader) == STATUS_OK && reader->at == reader->end);
}

/* The Id of {reply, Id, Result}. */
static struct piece id_of_reply(struct piece message)
{
  struct etf_reader reader = {message.bytes, message.bytes + message.length};
  struct etf_item item;
  uint32_t arity;
  must(etf_enter_tuple(&reader, &arity) == STATUS_OK && arity == 3);
  must(etf_next(&reader, &item) == STATUS_OK && etf_is_atom(&item, "reply"));
  const uint8_t *start = reader.at;
  must(etf_skip(&reader) == STATUS_OK);
  struct piece id = {start, (size_t)(reader.at - start)};
  check_result(&reader);
  return id;
}

/* The CallId of {call, {Token or Id, Number}, Name, Args}; false: it is something else. In a frame it is an Id:
 * *token is 0. */
static bool read_call(struct piece message, enum due_kind kind, struct piece *id, uint64_t *token,
                      uint64_t *number)
{
  struct etf_reader reader = {message.bytes, message.bytes + message.length};
  struct etf_item tag, item;
  uint32_t arity;
  must(etf_enter_tuple(&reader, &arity) == STATUS_OK && etf_next(&reader, &tag) == STATUS_OK);
  if (!etf_is_atom(&tag, "call")) return false;
  must(arity == 4 && etf_enter_tuple(&reader, &arity) == STATUS_OK && arity == 2);
  *id = (struct piece){reader.at, 0};
  *token = 0;
  if (kind == DUE_OWNER || kind == DUE_CALLER) {
    must(etf_skip(&reader) == STATUS_OK);
    id->length = (size_t)(reader.at - id->bytes);
  } else {
    must(etf_next(&reader, &item) == STATUS_OK && item.kind == ETF_INTEGER && item.integer > 0);
    *token = (uint64_t)item.integer;
  }
  must(etf_next(&reader, &item) == STATUS_OK && item.kind == ETF_INTEGER && item.integer > 0);
  *number = (uint64_t)item.integer;
  return true;
}

/* A message in place of the answer that somebody waits for, who may take it. */
static bool hear_call(enum due_kind kind, uintptr_t caller, const struct piece *id,
                      struct piece message)
{
  uint64_t token, number;
  struct piece of;
  if (!read_call(message, kind, &of, &token, &number)) return false;
  if (of.length > 0) id = &of;
  must(!closed && !exited && due_is_awaited(kind, caller, id));
  told_add(kind, caller, token, number, 0);
  return true;
}

static void hear_owner(struct piece message)
{
  struct etf_reader reader = {message.bytes, message.bytes + message.length};
  struct etf_item tag;
  uint32_t arity;
  must(etf_enter_tuple(&reader, &arity) == STATUS_OK && etf_next(&reader, &tag) == STATUS_OK);
  if (etf_is_atom(&tag, "reply")) {
    must(due_take(DUE_OWNER, 0, id_of_reply(message)));
    return;
  }
  if (etf_is_atom(&tag, "exit")) {
    must(!exited && arity == 2);
    exited = true;
    return;
  }
  must(!exited);
  if (hear_call(DUE_OWNER, 0, NULL, message)) return;
  must((etf_is_atom(&tag, "output") && arity == 3) || (etf_is_atom(&tag, "send") && arity == 3) ||
       (etf_is_atom(&tag, "response") && arity == 2));
  must(message.length < options.max_frame);
}

static void hear(enum heard heard, uintptr_t caller, struct piece id, struct piece message)
{
  struct etf_reader reader = {message.bytes, message.bytes + message.length};
  switch (heard) {
  case HEARD_OWNER: hear_owner(message); break;
  case HEARD_CALLER:
    if (hear_call(DUE_CALLER, caller, NULL, message)) return;
    must(due_take(DUE_CALLER, caller, id_of_reply(message)));
    break;
  case HEARD_ANSWER:
    if (hear_call(DUE_MESSAGE, caller, &id, message)) return;
    check_result(&reader);
    must(due_take(DUE_MESSAGE, caller, id));
    break;
  }
}

/* --- what is sent --- */

static const uint8_t undefined[] = "\x77\x09undefined";
static const struct piece no_id = {undefined, sizeof undefined - 1};

/* A returned answer: of `due`, which was noted before the call, when it was not known yet how it comes. */
static void take_returned(const struct answer *answer, enum way way, enum due_kind kind,
                          uintptr_t caller, struct piece id)
{
  struct piece message = port_answer(answer);
  struct etf_reader reader = {message.bytes, message.bytes + message.length};
  if (way == WAY_CONTROL) {
    struct piece replied = id_of_reply(message);
    must(replied.length == id.length && memcmp(replied.bytes, id.bytes, id.length) == 0);
  } else {
    check_result(&reader);
  }
  must(due_take(kind, caller, id));
}

static bool is_of_call(const struct request *request)
{
  return request->kind == REQUEST_TAKE || request->kind == REQUEST_RETURN;
}

/* Is the returned answer a call, which its caller has taken thereby? */
static bool take_returned_call(const struct answer *answer, enum due_kind kind, uintptr_t caller,
                               uint64_t *token)
{
  uint64_t number;
  struct piece id;
  if (!read_call(port_answer(answer), kind, &id, token, &number)) return false;
  if (id.length > 0) must(due_is_awaited(kind, caller, &id));
  told_add(kind, caller, *token, number, caller);
  return true;
}

static bool is_gone(const struct answer *answer)
{
  static const uint8_t gone[] = "h\x02w\x05"
                                "errorw\x04gone";
  if (answer->kind != ANSWER_NOW) return false;
  struct piece message = port_answer(answer);
  return message.length == sizeof gone - 1 && memcmp(message.bytes, gone, sizeof gone - 1) == 0;
}

/* The request {take, CallId}. */
static void take(enum way way, uintptr_t caller, struct told *told)
{
  struct answer answer;
  bool waits = told && told_is_fresh(told) && !told->handler;
  port_request(way, caller, frame.bytes, frame.length, &answer);
  if (way == WAY_REQUEST && is_gone(&answer)) {
    must(!waits);
    if (told && !told->handler) told->over = true;
    return;
  }
  must(answer.kind == (way == WAY_REQUEST ? ANSWER_ACCEPTED : ANSWER_NONE));
  if (way == WAY_REQUEST) must(told && !told->over && !told->handler);
  if (told && !told->handler) told->handler = caller;
}

/* What the script that was called does next is the answer: of the same request, since it waits for that. */
static void take_next(enum way way, const struct told *told, const struct answer *answer)
{
  uint64_t token;
  must(told->kind == (way == WAY_REQUEST ? DUE_TOKEN : DUE_CALLER));
  if (answer->kind == ANSWER_LATER) {
    must(way == WAY_CONTROL || answer->token == told->token);
  } else if (take_returned_call(answer, told->kind, told->caller, &token)) {
    must(token == told->token);
  } else if (way == WAY_REQUEST) {
    check_result(&(struct etf_reader){port_answer(answer).bytes,
                                      port_answer(answer).bytes + port_answer(answer).length});
    must(due_take_token(told->token));
    told_answered(told->token);
  } else {
    must(due_take(DUE_CALLER, told->caller, id_of_reply(port_answer(answer))));
  }
}

/* The request {return, CallId, Result}. */
static void give_back(enum way way, uintptr_t caller, struct told *told)
{
  struct answer answer;
  struct told before = told ? *told : (struct told){.over = true};
  bool waits = told && told_is_fresh(told);
  if (told) told->over = true; /* from here on: calls may be told meanwhile */
  told_run();
  port_request(way, caller, frame.bytes, frame.length, &answer);
  if (way == WAY_REQUEST && is_gone(&answer)) {
    must(!waits);
  } else if (answer.kind == ANSWER_NOW || answer.kind == ANSWER_LATER) {
    must(!before.over && before.caller == caller && (way == WAY_REQUEST || way == WAY_CONTROL));
    take_next(way, &before, &answer);
  } else {
    must(answer.kind == (way == WAY_REQUEST ? ANSWER_ACCEPTED : ANSWER_NONE));
    if (way == WAY_REQUEST) must(!before.over);
  }
}

/* {accept, Id, Frame}, by a way that knows frames. */
static void send_accept(enum way way, uintptr_t caller, const struct request *request, bool bad)
{
  enum due_kind kind = way == WAY_FRAME ? DUE_OWNER : DUE_CALLER;
  struct piece id = request->accept_id;
  struct answer answer;
  struct told *told = !bad && is_of_call(request) ? told_find(request->call_number) : NULL;
  bool waits = told && told_is_fresh(told);
  bool cast = !bad && request_is_cast(request);
  if (cast) due_add(DUE_OWNER, 0, no_id, true);
  if (told && request->kind == REQUEST_RETURN) told->over = true;
  uint64_t number = told ? told->number : 0;
  size_t others = due_count(kind, caller, id);
  due_add(kind, caller, id, false);
  told_run();
  accepting = UNANSWERED;
  port_request(way, caller, frame.bytes, frame.length, &answer);
  if (way == WAY_CONTROL) {
    must(answer.kind == ANSWER_NOW);
    take_returned(&answer, way, kind, caller, id);
  } else {
    must(answer.kind == ANSWER_NONE && due_count(kind, caller, id) <= others);
  }
  bool accepted = accepting == ACCEPTED;
  accepting = NO_ACCEPT;
  told = told ? told_find(number) : NULL; /* others may have been told meanwhile */
  if (bad) {
    must(!accepted);
  } else if (request->kind == REQUEST_TAKE) {
    if (accepted) must(caller && told && !told->over && !told->handler);
    if (accepted) told->handler = caller;
  } else if (request->kind == REQUEST_RETURN) {
    must(accepted || !waits);
  } else if (!cast) {
    must(accepted);
  }
}

/* Sends the frame, whatever it is, and looks at what comes back at once. */
static void send(enum way way, uintptr_t caller)
{
  static const enum due_kind kinds[] = {DUE_OWNER, DUE_CALLER, DUE_TOKEN, DUE_MESSAGE};
  struct request request;
  struct answer answer;
  const char *why;
  if (way == WAY_FRAME) caller = 0;
  bool bad = request_parse(frame.bytes, frame.length, &options, &request, &why) != STATUS_OK;
  if (request.accept && (way == WAY_FRAME || way == WAY_CONTROL)) {
    send_accept(way, caller, &request, bad);
    return;
  }
  bad = bad || request.accept;
  bool addressed = request.has_id && interp_may_address(request.id);
  bool refused = bad || (way == WAY_ASYNC && !addressed);
  struct piece id = request.has_id ? request.id : no_id;
  enum due_kind kind = kinds[way];
  if (way == WAY_ASYNC && !addressed) kind = DUE_TOKEN; /* to be returned */

  if (!refused && is_of_call(&request)) {
    struct told *told = told_find(request.call_number);
    if (request.kind == REQUEST_TAKE)
      take(way, caller, told);
    else
      give_back(way, caller, told);
    return;
  }
  bool silent = !refused && (request.kind == REQUEST_INTERRUPT || request.kind == REQUEST_READ ||
                             request.kind == REQUEST_SENT);
  bool cast = !refused && request_is_cast(&request);
  if (cast) due_add(DUE_OWNER, 0, no_id, true);
  size_t others = due_count(kind, caller, id);
  if (!silent && !cast) due_add(kind, caller, id, false);
  uint64_t token;
  told_run();
  port_request(way, caller, frame.bytes, frame.length, &answer);

  switch (answer.kind) {
  case ANSWER_NOW:
    if (take_returned_call(&answer, kind, caller, &token)) {
      must(!refused && !silent && !cast && (way == WAY_CONTROL || way == WAY_REQUEST));
      if (way == WAY_REQUEST) due_set_token(token);
      break;
    }
    must(way == WAY_CONTROL || way == WAY_REQUEST || (way == WAY_ASYNC && !addressed));
    if (cast) due_add(kind, caller, id, false); /* it was not even accepted */
    take_returned(&answer, way, kind, caller, id);
    break;
  case ANSWER_LATER:
    must(!refused && !silent && !cast && (way == WAY_CONTROL || way == WAY_REQUEST));
    if (way == WAY_REQUEST) due_set_token(answer.token);
    break;
  case ANSWER_ACCEPTED: must(way == WAY_REQUEST && (silent || cast)); break;
  case ANSWER_NONE:
    must(way == WAY_FRAME || (way == WAY_CONTROL && (silent || cast)) || addressed);
    if (refused) must(due_count(kind, caller, id) <= others); /* at once */
    break;
  }
}

/* --- frames --- */

/* An Id: small integers, so that some are used twice; or references, which can be addressed. */
static void put_id(uint8_t number)
{
  uint8_t reference[] = {90, 0, 1, 119, 1, 'n', 0, 0, 0, 0, 0, 0, 0, 0};
  reference[sizeof reference - 1] = number & 7;
  if (number & 8)
    etf_put_integer(&frame, number & 7);
  else
    etf_put_raw(&frame, reference, sizeof reference);
}

static void put_code(struct input *input)
{
  uint8_t which = input_byte(input);
  if (which < 200) {
    const char *code = codes[which % (sizeof codes / sizeof *codes)];
    etf_put_binary(&frame, code, strlen(code));
  } else {
    size_t length = which - 200u;
    const uint8_t *code = input_bytes(input, &length);
    etf_put_binary(&frame, code, length);
  }
}

static void put_options(struct input *input)
{
  uint8_t which = input_byte(input);
  etf_put_map(&frame, 1);
  if (which % 8 == 7) {
    etf_put_atom(&frame, "bindings", 8);
    etf_put_map(&frame, 2);
    etf_put_atom(&frame, "a", 1);
    etf_put_integer(&frame, which);
    etf_put_atom(&frame, which < 200 ? "b" : "B", 1);
    etf_put_nil(&frame);
    return;
  }
  etf_put_atom(&frame, which % 8 < 6 ? "timeout" : "no such", 7);
  if (which % 8 == 5)
    etf_put_atom(&frame, "infinity", 8);
  else
    etf_put_integer(&frame, (int8_t)input_byte(input) / 4);
}

/* {take, CallId} or {return, CallId, Result}, of one that was told of, or of none. */
static void put_call_frame(struct input *input)
{
  uint8_t form = input_byte(input);
  const struct told *told = form & 16 ? told_nth(form >> 5) : told_nth(0);
  bool take = form & 1;
  buffer_clear(&frame);
  etf_put_version(&frame);
  etf_put_tuple(&frame, take ? 2 : 3);
  etf_put_atom(&frame, take ? "take" : "return", take ? 4 : 6);
  etf_put_tuple(&frame, 2);
  etf_put_integer(&frame, told ? (int64_t)told->token : 1);
  etf_put_integer(&frame, (told ? (int64_t)told->number : 1) + ((form & 0xe) == 0xe));
  if (take) return;
  etf_put_tuple(&frame, 2);
  etf_put_atom(&frame, form & 2 ? "ok" : "error", form & 2 ? 2 : 5);
  if ((form & 0xc) == 0xc) { /* an improper list, which has no form in Ruby */
    etf_put_list(&frame, 1);
    etf_put_integer(&frame, 1);
  }
  etf_put_integer(&frame, form);
}

static void put_frame(struct input *input)
{
  static const char *const methods[] = {"puts", "sleep", "rand", "Integer", "exit", "nothing"};
  static const char *const programs[] = {"eval", "eval", "compile", "load"};
  uint8_t form = input_byte(input);
  buffer_clear(&frame);
  etf_put_version(&frame);
  switch (form % 8) {
  case 0:
    etf_put_tuple(&frame, 2);
    etf_put_atom(&frame, form & 8 ? "eval" : "message", form & 8 ? 4 : 7);
    put_code(input);
    break;
  case 1:
  case 2:
    etf_put_tuple(&frame, 3);
    etf_put_atom(&frame, programs[form / 8 % 4], strlen(programs[form / 8 % 4]));
    put_id(form >> 4);
    put_code(input);
    break;
  case 3:
    etf_put_tuple(&frame, 4);
    etf_put_atom(&frame, programs[form / 8 % 4], strlen(programs[form / 8 % 4]));
    put_id(form >> 4);
    put_code(input);
    put_options(input);
    break;
  case 4: {
    const char *method = methods[input_byte(input) % 6];
    etf_put_tuple(&frame, 4);
    etf_put_atom(&frame, "call", 4);
    put_id(form >> 4);
    etf_put_atom(&frame, method, strlen(method));
    etf_put_list(&frame, 1);
    etf_put_integer(&frame, input_byte(input));
    etf_put_nil(&frame);
    break;
  }
  case 5:
    etf_put_tuple(&frame, 2);
    if (form & 8) {
      etf_put_atom(&frame, form & 16 ? "read" : "sent", 4);
      etf_put_integer(&frame, form >> 5);
      break;
    }
    etf_put_atom(&frame, "interrupt", 9);
    put_id(form >> 4);
    break;
  case 6:
    etf_put_tuple(&frame, 2);
    etf_put_atom(&frame, "info", 4);
    put_id(form >> 4);
    break;
  case 7: { /* a frame that the input brings, as it is */
    size_t length = input_byte(input);
    if (form & 0x80) frame.length = 0;
    const uint8_t *bytes = input_bytes(input, &length);
    buffer_put(&frame, bytes, length);
    break;
  }
  }
  must(buffer_status(&frame) == STATUS_OK);
}

/* {accept, Id, Frame} or {within, CallId, Frame} of what stands in `frame`. */
static void wrap_frame(struct input *input)
{
  uint8_t inner[FRAME_BYTES], form = input_byte(input);
  const struct told *told = form & 2 ? told_nth(form >> 4) : told_nth(0);
  size_t length = frame.length;
  memcpy(inner, frame.bytes, length);
  buffer_clear(&frame);
  etf_put_version(&frame);
  etf_put_tuple(&frame, 3);
  if (form & 1) {
    etf_put_atom(&frame, "accept", 6);
    put_id(form >> 4);
  } else {
    etf_put_atom(&frame, "within", 6);
    etf_put_tuple(&frame, 2);
    put_id(form >> 4);
    etf_put_integer(&frame, told ? (int64_t)told->number : 1);
  }
  etf_put_binary(&frame, inner, length);
  must(buffer_status(&frame) == STATUS_OK);
}

/* A frame that is almost right: a byte changed, or cut off. */
static void spoil_frame(struct input *input)
{
  size_t at = input_byte(input) * 256u;
  at = (at + input_byte(input)) % (frame.length + 1);
  if (at < frame.length && input_byte(input) % 4)
    frame.bytes[at] = input_byte(input);
  else
    frame.length = at;
}

/* --- steps --- */

static void claim(uint8_t which)
{
  struct due due;
  struct answer answer;
  const uint8_t reference[] = {90, 0, 1, 119, 1, 'n', 0, 0, 0, 0, 0, 0, 1, which};
  struct piece id = {reference, sizeof reference};
  if (!due_find_token(which, &due)) return;
  if (which & 0x80) due.token += 1000000; /* none of ours */
  uint8_t *copy = fuzz_copy(reference, sizeof reference);
  due_claim(due.token, id);
  (void)interp_tend(port_interp());
  interp_claim(port_interp(), due.caller, due.token, (struct piece){copy, id.length}, &answer);
  free(copy);
  must(answer.kind == ANSWER_NOW || answer.kind == ANSWER_LATER);
  if (which & 0x80) {
    must(answer.kind == ANSWER_NOW);
    return;
  }
  uint64_t token;
  if (answer.kind != ANSWER_NOW) return;
  if (take_returned_call(&answer, DUE_TOKEN, due.caller, &token)) {
    must(token == due.token && due_unclaim(token, due.caller, id));
    return;
  }
  take_returned(&answer, WAY_REQUEST, DUE_MESSAGE, due.caller, id);
  told_answered(due.token);
}

static void abandon(uint8_t which)
{
  struct due due;
  if (!due_find_message(which, &due)) return;
  struct piece id = {due.id, due.id_length};
  interp_abandon(port_interp(), due.caller, id);
  due_abandon(due.caller, id);
}

static void interrupt_whatever_runs(void)
{
  buffer_clear(&frame);
  etf_put_version(&frame);
  etf_put_atom(&frame, "interrupt", 9);
  send(WAY_FRAME, 0);
}

static void step(struct input *input)
{
  uint8_t what = input_byte(input);
  uintptr_t caller = 1 + (what >> 6);
  enum way way = (enum way)(what >> 4 & 3);
  const struct told *told;
  switch (what & 15) {
  case 4:
    put_frame(input);
    wrap_frame(input);
    send(way, caller);
    break;
  case 5:
    put_call_frame(input);
    wrap_frame(input);
    send(way, caller);
    break;
  case 6:
    put_call_frame(input);
    send(way, caller);
    break;
  case 7: /* by who is to: most others are told that it is gone */
    put_call_frame(input);
    if ((told = told_nth(0))) {
      caller = told->handler ? told->handler : 1;
      way = told->kind == DUE_CALLER ? WAY_CONTROL : WAY_REQUEST;
    }
    send(way, caller);
    break;
  case 8:
    told_run();
    for (int i = what >> 4; i >= 0 && port_run(); i--) {
    }
    break;
  case 9: claim(input_byte(input)); break;
  case 10: abandon(what >> 4); break;
  case 11:
    interp_caller_gone(port_interp(), caller);
    due_caller_gone(caller);
    told_handler_gone(caller);
    break;
  case 12: interrupt_whatever_runs(); break;
  case 13: (void)nanosleep(&(struct timespec){.tv_nsec = (what >> 4) * 200000}, NULL); break;
  case 14:
  case 15:
    put_frame(input);
    if ((what & 15) == 15) wrap_frame(input);
    spoil_frame(input);
    send(way, caller);
    break;
  default:
    put_frame(input);
    send(way, caller);
    break;
  }
}

/* All that was asked comes to its end: what has no time of its own is interrupted. */
static void finish(void)
{
  int64_t give_up_at = now_ns() + PATIENCE_NS;
  while (interp_is_busy(port_interp())) {
    interrupt_whatever_runs();
    told_run();
    if (!port_run()) (void)nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
    must(now_ns() < give_up_at);
  }
  struct due due;
  while (due_find_token(0, &due)) claim(0);
  while (dues_left()) { /* the watchdog's thread is telling it */
    (void)nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
    must(now_ns() < give_up_at);
  }
}

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
  const char *bad;
  (void)count;
  (void)arguments;
  must(options_parse(OPTIONS, &options, &bad) == STATUS_OK);
  buffer_init(&frame, FRAME_BYTES);
  must(buffer_reserve(&frame, FRAME_BYTES) != NULL); /* kept: what an input allocates is counted */
  port_start();
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct input input = {data, data + size};
  bool abrupt = input_byte(&input) & 1;
  exited = closed = false;
  told_clear();
  port_open(OPTIONS, hear);
  for (int i = 0; i < STEPS && input_left(&input) > 0; i++) step(&input);
  if (!abrupt) finish();
  dues_closing();
  closed = true;
  port_close();
  must(!dues_left());
  dues_clear();
  return 0;
}
