/* Requests in mruby: evaluating, calling, and telling what went wrong. See ruby_answer.h.
 *
 * Everything that can raise runs inside of `protected`. Texts of exceptions are made by user code
 * too (`message`, `inspect`), so they are asked for in a protected call of their own, and
 * what that call raises is told in their place.
 */
#include "ruby_answer.h"

#include "etf.h"
#include "ruby_bytecode.h"
#include "ruby_erlang.h"
#include "ruby_exit.h"
#include "ruby_regexp.h"

#include <mruby/array.h>
#include <mruby/class.h>
#include <mruby/error.h>
#include <mruby/internal.h>
#include <mruby/irep.h>
#include <mruby/proc.h>
#include <mruby/string.h>
#include <mruby/variable.h>
#include <string.h>

/* What an error may carry; a stack overflow's backtrace alone has a hundred thousand lines. */
#define MESSAGE_BYTES   ((size_t)64 << 10)
#define BACKTRACE_LINES 100

/* Arguments that are handed over without an array. */
#define FEW_ARGUMENTS 8

static mrb_value run(mrb_state *mrb, struct RProc *proc)
{
  mrb_vm_ci_target_class_set(mrb->c->ci, mrb->object_class);
  mrb_value value = mrb_top_run(mrb, proc, mrb_top_self(mrb), 0);
  if (mrb->exc) {
    mrb_value exception = mrb_obj_value(mrb->exc);
    mrb->exc = NULL;
    mrb_exc_raise(mrb, exception);
  }
  return value;
}

static mrb_value evaluate(struct ruby *ruby, const struct request *request)
{
  mrb_state *mrb = ruby->mrb;
  if (request->bindings.length > 0)
    ruby_compile_bind(&ruby->compiler, mrb, request->bindings, &ruby->terms);
  return run(mrb, ruby_compile(&ruby->compiler, mrb, request));
}

/* --- calling --- */

/* "A::B" from Object on. */
static mrb_value find_receiver(mrb_state *mrb, struct piece path)
{
  if (path.length == 0) return mrb_top_self(mrb); /* there may be no bytes at all */
  const char *at = (const char *)path.bytes, *end = at + path.length;
  mrb_value value = mrb_obj_value(mrb->object_class);
  while (at <= end) {
    const char *colons = at;
    while (colons < end && !(colons + 1 < end && colons[0] == ':' && colons[1] == ':')) colons++;
    mrb_sym name = mrb_intern(mrb, at, (size_t)(colons - at));
    mrb_value holder = value;
    if (!mrb_class_p(holder) && !mrb_module_p(holder))
      mrb_raisef(mrb, E_TYPE_ERROR, "%v is not a class or module", holder);
    value = mrb_const_get(mrb, holder, name);
    at = colons + 2;
  }
  return value;
}

/* `text` has room for twice the characters of an atom. */
static struct piece in_utf8(struct piece name, bool latin1, uint8_t *text)
{
  if (!latin1) return name;
  return (struct piece){text, etf_latin1_to_utf8(name.bytes, name.length, text)};
}

/* mruby's own search for a symbol takes as long as a small method; the same few names come again
 * and again. Symbols are never freed, so what is remembered stays right. */
static mrb_sym intern_method(struct ruby *ruby, struct piece name)
{
  if (name.length > sizeof ruby->names[0].text)
    return mrb_intern(ruby->mrb, (const char *)name.bytes, name.length);
  size_t place = (name.bytes[0] * 7u + name.bytes[name.length - 1] + name.length) % RUBY_NAMES;
  struct ruby_name *known = &ruby->names[place];
  if (known->length != name.length || memcmp(known->text, name.bytes, name.length) != 0) {
    known->length = 0;
    known->symbol = mrb_intern(ruby->mrb, (const char *)name.bytes, name.length);
    memcpy(known->text, name.bytes, name.length);
    known->length = (uint8_t)name.length;
  }
  return known->symbol;
}

/* Few arguments need no array. The arena keeps them until the method has them. */
static mrb_value call_with_few(struct ruby *ruby, mrb_value receiver, mrb_sym method,
                               struct etf_reader *reader, mrb_int count)
{
  mrb_value arguments[FEW_ARGUMENTS];
  for (mrb_int i = 0; i < count; i++) arguments[i] = term_decode(ruby->mrb, reader, &ruby->terms);
  return mrb_funcall_with_block(ruby->mrb, receiver, method, count, arguments, mrb_nil_value());
}

static mrb_value call(struct ruby *ruby, const struct request *request)
{
  mrb_state *mrb = ruby->mrb;
  uint8_t receiver_text[2 * ETF_ATOM_CHARACTERS], method_text[2 * ETF_ATOM_CHARACTERS];
  mrb_value receiver =
      find_receiver(mrb, in_utf8(request->receiver, request->receiver_latin1, receiver_text));
  mrb_sym method =
      intern_method(ruby, in_utf8(request->method, request->method_latin1, method_text));
  struct etf_reader reader = {request->arguments.bytes,
                              request->arguments.bytes + request->arguments.length};
  struct etf_reader list = reader;
  struct etf_item head;
  if (!etf_next(&list, &head) && head.kind == ETF_LIST && head.count <= FEW_ARGUMENTS)
    return call_with_few(ruby, receiver, method, &list, head.count);
  mrb_value arguments = term_decode(mrb, &reader, &ruby->terms);
  return mrb_funcall_with_block(mrb, receiver, method, RARRAY_LEN(arguments), RARRAY_PTR(arguments),
                                mrb_nil_value());
}

/* --- answering --- */

struct answer {
  struct ruby *ruby;
  const struct request *request;
  struct piece prefix;
  struct buffer *reply;
  mrb_value exception;
  mrb_value block; /* of at_exit, which is being called */
};

static mrb_value protected(struct answer *answer, mrb_protect_error_func *body, bool *failed)
{
  mrb_bool error = FALSE;
  mrb_value value = mrb_protect_error(answer->ruby->mrb, body, answer, &error);
  *failed = error;
  return value;
}

static mrb_value carry_out(mrb_state *mrb, void *data)
{
  const struct answer *answer = data;
  struct ruby *ruby = answer->ruby;
  const struct request *request = answer->request;
  mrb_value value = mrb_nil_value();
  struct RProc *program = NULL;
  ruby->terms.atoms_exist = request->from_vm;
  switch (request->kind) {
  case REQUEST_EVAL: value = evaluate(ruby, request); break;
  case REQUEST_CALL: value = call(ruby, request); break;
  case REQUEST_LOAD: value = run(mrb, ruby_bytecode_read(mrb, request->code)); break;
  case REQUEST_COMPILE: program = ruby_compile_alone(&ruby->compiler, mrb, request); break;
  case REQUEST_MESSAGE: ruby_erlang_message(ruby, request->value); break;
  case REQUEST_OWNER:
  case REQUEST_TAKE:
  case REQUEST_RETURN:
  case REQUEST_INTERRUPT:
  case REQUEST_INFO:
  case REQUEST_READ:
  case REQUEST_SENT: break; /* are no jobs */
  }
  if (request_is_cast(request)) return mrb_nil_value();
  if (request->no_value) value = mrb_nil_value(); /* it may have no form in Erlang */
  etf_put_tuple(answer->reply, 2);
  etf_put_atom(answer->reply, "ok", 2);
  if (program)
    ruby_bytecode_put(mrb, program, answer->reply);
  else
    term_encode(mrb, answer->reply, value, &ruby->terms);
  return mrb_nil_value();
}

static mrb_value ask_message(mrb_state *mrb, void *data)
{
  struct answer *answer = data;
  mrb_value text = mrb_funcall(mrb, answer->exception, "message", 0);
  if (!mrb_string_p(text)) text = mrb_inspect(mrb, text);
  if (!mrb_string_p(text)) text = mrb_any_to_s(mrb, answer->exception);
  return text;
}

static mrb_value ask_class(mrb_state *mrb, void *data)
{
  struct answer *answer = data;
  struct RClass *class = mrb_obj_class(mrb, answer->exception);
  mrb_value path = mrb_class_path(mrb, class);
  return mrb_string_p(path) ? path : mrb_any_to_s(mrb, mrb_obj_value(class)); /* it has no name */
}

static mrb_value ask_backtrace(mrb_state *mrb, void *data)
{
  struct answer *answer = data;
  return mrb_exc_backtrace(mrb, answer->exception);
}

static void put_text(struct buffer *reply, mrb_value text)
{
  size_t length = (size_t)RSTRING_LEN(text);
  if (length > MESSAGE_BYTES) length = MESSAGE_BYTES;
  etf_put_binary(reply, (const uint8_t *)RSTRING_PTR(text), length);
}

static void put_asked(struct answer *answer, const char *key, mrb_protect_error_func *ask)
{
  bool failed;
  mrb_value text = protected(answer, ask, &failed);
  etf_put_atom(answer->reply, key, strlen(key));
  if (!failed && mrb_string_p(text))
    put_text(answer->reply, text);
  else
    etf_put_binary(answer->reply, (const uint8_t *)"(can't be told: it raises)", 26);
}

static void put_backtrace(struct answer *answer)
{
  struct buffer *reply = answer->reply;
  bool failed;
  mrb_value lines = protected(answer, ask_backtrace, &failed);
  etf_put_atom(reply, "backtrace", 9);
  mrb_int count = !failed && mrb_array_p(lines) ? RARRAY_LEN(lines) : 0;
  if (count > BACKTRACE_LINES) count = BACKTRACE_LINES;
  for (mrb_int i = 0; i < count; i++)
    if (!mrb_string_p(RARRAY_PTR(lines)[i])) count = i;
  if (count > 0) etf_put_list(reply, (uint32_t)count);
  for (mrb_int i = 0; i < count; i++) put_text(reply, RARRAY_PTR(lines)[i]);
  etf_put_nil(reply);
}

/* "file:line: message (Class)", as Ruby prints it. */
static mrb_value ask_report(mrb_state *mrb, void *data)
{
  struct answer *answer = data;
  mrb_value lines = mrb_exc_backtrace(mrb, answer->exception);
  mrb_value place = mrb_array_p(lines) ? mrb_ary_entry(lines, 0) : mrb_nil_value();
  mrb_value text = ask_message(mrb, data);
  if (mrb_string_p(place))
    return mrb_format(mrb, "%v: %v (%v)\n", place, text, ask_class(mrb, data));
  return mrb_format(mrb, "%v (%v)\n", text, ask_class(mrb, data));
}

/* To stderr: what a block of at_exit raises; and what ends an interpreter with PACKET_LINE, which
 * knows no frames. */
static void print_report(struct answer *answer)
{
  struct ruby *ruby = answer->ruby;
  bool failed;
  mrb_value text = protected(answer, ask_report, &failed);
  if (!failed && mrb_string_p(text))
    ruby->host->output(ruby->context, true, RSTRING_PTR(text), (size_t)RSTRING_LEN(text));
}

static enum outcome tell(struct answer *answer, int64_t *exit_status)
{
  struct ruby *ruby = answer->ruby;
  mrb_state *mrb = ruby->mrb;
  mrb_value exception = answer->exception;
  buffer_clear(answer->reply);
  buffer_put(answer->reply, answer->prefix.bytes, answer->prefix.length);
  if (!mrb_exception_p(exception)) return OUTCOME_NO_MEMORY; /* mruby raises nothing else */
  if (mrb_obj_ptr(exception) == mrb->nomem_err) return OUTCOME_NO_MEMORY;
  if (mrb_obj_is_kind_of(mrb, exception, ruby->exit_class)) {
    *exit_status = ruby_exit_status(mrb, exception);
    return OUTCOME_EXIT;
  }
  etf_put_tuple(answer->reply, 2);
  etf_put_atom(answer->reply, "error", 5);
  etf_put_map(answer->reply, 3);
  put_asked(answer, "class", ask_class);
  put_asked(answer, "message", ask_message);
  put_backtrace(answer);
  if (ruby->options->packet == PACKET_LINE) print_report(answer);
  return OUTCOME_ERROR;
}

static mrb_value call_block(mrb_state *mrb, void *data)
{
  const struct answer *answer = data;
  return mrb_yield_argv(mrb, answer->block, 0, NULL);
}

/* The interpreter is about to end by its own will. What a block raises is told, and the next one is
 * called; its exit changes the status. A stop ends this as well. */
static void call_at_exit(struct answer *answer, int64_t *exit_status)
{
  struct ruby *ruby = answer->ruby;
  mrb_state *mrb = ruby->mrb;
  int arena = mrb_gc_arena_save(mrb);
  bool failed;
  while (slice_stopped(ruby->slice) == STOP_NONE && ruby_exit_take_block(ruby, &answer->block)) {
    mrb_value raised = protected(answer, call_block, &failed);
    if (failed) {
      answer->exception = raised;
      mrb_gc_protect(mrb, raised);
      if (mrb_exception_p(raised) && mrb_obj_is_kind_of(mrb, raised, ruby->exit_class))
        *exit_status = ruby_exit_status(mrb, raised);
      else if (slice_stopped(ruby->slice) == STOP_NONE)
        print_report(answer);
    }
    mrb_gc_arena_restore(mrb, arena);
  }
}

/* Nobody hears of the exception of a cast, and the interpreter ends with it. */
static bool is_last(const struct answer *answer, enum outcome outcome)
{
  return outcome == OUTCOME_EXIT || (outcome == OUTCOME_ERROR && request_is_cast(answer->request));
}

static enum outcome answer_request(struct answer *answer, int64_t *exit_status)
{
  struct ruby *ruby = answer->ruby;
  mrb_state *mrb = ruby->mrb;
  enum outcome outcome = OUTCOME_OK;
  bool failed;
  int arena = mrb_gc_arena_save(mrb);
  buffer_put(answer->reply, answer->prefix.bytes, answer->prefix.length);
  mrb_value result = protected(answer, carry_out, &failed);
  if (failed) {
    answer->exception = result;
    mrb_gc_protect(mrb, result);
    outcome = tell(answer, exit_status);
    if (is_last(answer, outcome)) call_at_exit(answer, exit_status);
  }
  mrb_gc_arena_restore(mrb, arena);
  if (ruby->slice->said_length > 0) { /* a warning of mruby's, meant for stderr */
    ruby->host->output(ruby->context, true, ruby->slice->said, ruby->slice->said_length);
    ruby->slice->said_length = 0;
  }
  return outcome;
}

/* The request that this one runs upon finds all of its own as it was. What raises where nothing is
 * protected, for lack of memory, must not unwind that one's stack: without a place to go to, mruby
 * aborts, and the interpreter ends. */
static enum outcome answer_upon(struct answer *answer, int64_t *exit_status)
{
  mrb_state *mrb = answer->ruby->mrb;
  struct mrb_jmpbuf *lower = mrb->jmp;
  int arena = mrb_gc_arena_save(mrb);
  mrb->jmp = NULL;
  mrb_value match = ruby_match_last(mrb);
  mrb_gc_protect(mrb, match);
  ruby_match_forget(mrb); /* it may be of another caller */
  enum outcome outcome = answer_request(answer, exit_status);
  ruby_match_set(mrb, match);
  mrb_gc_arena_restore(mrb, arena);
  mrb->jmp = lower;
  return outcome;
}

enum outcome ruby_answer(struct ruby *ruby, const struct request *request, struct piece prefix,
                         struct buffer *reply, int64_t *exit_status)
{
  struct answer answer = {.ruby = ruby, .request = request, .prefix = prefix, .reply = reply};
  if (ruby->answering) return answer_upon(&answer, exit_status);
  ruby->answering = true;
  enum outcome outcome = answer_request(&answer, exit_status);
  ruby->answering = false;
  ruby_forget_text(ruby->mrb);
  ruby->mrb->c->cibase->proc =
      NULL; /* or the next call's backtrace would name this eval's last line */
  return outcome;
}
