/* Erlang.call, send, self and on_message: see ruby_erlang.h.
 *
 * Guarantees: while a call waits, other requests may run on the same stack above it, so that nothing
 * of Ruby's is held here across the wait but what the garbage collector sees, and the arguments on
 * mruby's stack, which such a request overwrites, are not looked at again.
 */
#include "ruby_erlang.h"

#include "etf.h"
#include "ruby_keep.h"
#include "term_types.h"

#include <mruby/array.h>
#include <mruby/class.h>
#include <mruby/error.h>
#include <mruby/string.h>
#include <mruby/variable.h>

/* How long a script waits that sends faster than others take. */
#define RETRY_NS INT64_C(1000000)

/* More than an encoded pid can have. */
#define OWNER_BYTES ((size_t)2048)

/* --- calls --- */

struct outgoing {
  mrb_value name, arguments; /* a String; an Array */
};

static void put_outgoing(struct ruby *ruby, const void *data)
{
  const struct outgoing *call = data;
  etf_put_binary(&ruby->frame, RSTRING_PTR(call->name), (size_t)RSTRING_LEN(call->name));
  term_encode(ruby->mrb, &ruby->frame, call->arguments, &ruby->terms);
}

/* Where the parts of #{class, reason, message, stack} begin. */
struct failure {
  struct etf_reader class, reason, message, stack;
};

static bool read_failure(struct piece term, struct failure *failure)
{
  struct etf_reader reader = {term.bytes, term.bytes + term.length};
  struct etf_item map, key;
  *failure = (struct failure){{NULL, NULL}, {NULL, NULL}, {NULL, NULL}, {NULL, NULL}};
  if (etf_next(&reader, &map) || map.kind != ETF_MAP) return false;
  for (uint32_t i = 0; i < map.count; i++) {
    if (etf_next(&reader, &key)) return false;
    struct etf_reader value = reader;
    if (etf_skip(&reader)) return false;
    if (etf_is_atom(&key, "class")) failure->class = value;
    if (etf_is_atom(&key, "reason")) failure->reason = value;
    if (etf_is_atom(&key, "message")) failure->message = value;
    if (etf_is_atom(&key, "stack")) failure->stack = value;
  }
  return failure->class.at && failure->reason.at && failure->message.at && failure->stack.at;
}

struct decoding {
  struct ruby *ruby;
  struct etf_reader reader;
};

static mrb_value decode_part(mrb_state *mrb, void *data)
{
  struct decoding *decoding = data;
  return term_decode(mrb, &decoding->reader, &decoding->ruby->terms);
}

/* What has no form in Ruby is nil: the message tells it in words. */
static mrb_value part(struct ruby *ruby, struct etf_reader reader)
{
  struct decoding decoding = {ruby, reader};
  mrb_bool failed = FALSE;
  mrb_value value = mrb_protect_error(ruby->mrb, decode_part, &decoding, &failed);
  return failed ? mrb_nil_value() : value;
}

_Noreturn static void raise_call_error(mrb_state *mrb, mrb_value message, mrb_value kind,
                                       mrb_value reason, mrb_value stack)
{
  mrb_value error = mrb_exc_new_str(mrb, ruby_of(mrb)->call_error, message);
  mrb_iv_set(mrb, error, mrb_intern_lit(mrb, "@kind"), kind);
  mrb_iv_set(mrb, error, mrb_intern_lit(mrb, "@reason"), reason);
  mrb_iv_set(mrb, error, mrb_intern_lit(mrb, "@stack"), stack);
  mrb_exc_raise(mrb, error);
}

_Noreturn static void raise_failure(struct ruby *ruby, struct piece term)
{
  mrb_state *mrb = ruby->mrb;
  struct etf_reader whole = {term.bytes, term.bytes + term.length};
  struct failure failure;
  if (!read_failure(term, &failure)) { /* of somebody who speaks the protocol himself */
    mrb_value reason = part(ruby, whole);
    ruby->host->call_read(ruby->context);
    raise_call_error(mrb, mrb_inspect(mrb, reason), mrb_symbol_value(mrb_intern_lit(mrb, "error")),
                     reason, mrb_ary_new(mrb));
  }
  mrb_value message = part(ruby, failure.message);
  if (!mrb_string_p(message)) message = mrb_inspect(mrb, message);
  mrb_value kind = part(ruby, failure.class), reason = part(ruby, failure.reason);
  mrb_value stack = part(ruby, failure.stack);
  ruby->host->call_read(ruby->context);
  raise_call_error(mrb, message, kind, reason, stack);
}

_Noreturn static void raise_nobody(mrb_state *mrb, const char *message)
{
  raise_call_error(mrb, mrb_str_new_cstr(mrb, message),
                   mrb_symbol_value(mrb_intern_lit(mrb, "exit")),
                   mrb_symbol_value(mrb_intern_lit(mrb, "noproc")), mrb_ary_new(mrb));
}

static mrb_value name_of(mrb_state *mrb, mrb_value name)
{
  if (mrb_symbol_p(name)) return mrb_sym_str(mrb, mrb_symbol(name));
  if (!mrb_string_p(name))
    mrb_raisef(mrb, E_TYPE_ERROR, "the name of a function must be a Symbol or a String, not %T",
               name);
  return name;
}

/* Erlang.call(name, *arguments) */
static mrb_value erlang_call(mrb_state *mrb, mrb_value self)
{
  struct ruby *ruby = ruby_of(mrb);
  const mrb_value *arguments;
  mrb_int count;
  mrb_value name;
  (void)self;
  mrb_get_args(mrb, "o*", &name, &arguments, &count);
  struct outgoing call = {name_of(mrb, name), mrb_ary_new_from_values(mrb, count, arguments)};
  ruby_frame(ruby, put_outgoing, &call);
  struct ruby_called called =
      ruby->host->call(ruby->context, (struct piece){ruby->frame.bytes, ruby->frame.length});
  ruby->terms.atoms_exist = called.from_vm;
  struct etf_reader reader;
  mrb_value value;
  switch (called.how) {
  case RUBY_CALL_OK:
    reader = (struct etf_reader){called.value.bytes, called.value.bytes + called.value.length};
    value = term_decode(mrb, &reader, &ruby->terms);
    ruby->host->call_read(ruby->context);
    return value;
  case RUBY_CALL_FAILED: raise_failure(ruby, called.value);
  case RUBY_CALL_STOPPED:
    slice_checkpoint(ruby->slice); /* raises */
    raise_nobody(mrb, "the request was stopped");
  case RUBY_CALL_NOBODY: raise_nobody(mrb, "there is nobody who could run the Erlang function");
  case RUBY_CALL_TOO_LARGE: mrb_raise(mrb, E_ARGUMENT_ERROR, "the call is larger than max_frame");
  case RUBY_CALL_NO_MEMORY: mrb_exc_raise(mrb, mrb_obj_value(mrb->nomem_err));
  }
  return mrb_nil_value();
}

static mrb_value error_kind(mrb_state *mrb, mrb_value self)
{
  return mrb_iv_get(mrb, self, mrb_intern_lit(mrb, "@kind"));
}

static mrb_value error_reason(mrb_state *mrb, mrb_value self)
{
  return mrb_iv_get(mrb, self, mrb_intern_lit(mrb, "@reason"));
}

static mrb_value error_stack(mrb_state *mrb, mrb_value self)
{
  return mrb_iv_get(mrb, self, mrb_intern_lit(mrb, "@stack"));
}

/* --- messages --- */

struct message {
  mrb_value to, term;
};

static void put_message(struct ruby *ruby, const void *data)
{
  const struct message *message = data;
  etf_put_version(&ruby->frame);
  etf_put_tuple(&ruby->frame, 3);
  etf_put_atom(&ruby->frame, "send", 4);
  term_encode(ruby->mrb, &ruby->frame, message->to, &ruby->terms);
  term_encode(ruby->mrb, &ruby->frame, message->term, &ruby->terms);
}

/* A process, an alias, a name, {name, node}. */
static bool is_address(mrb_state *mrb, mrb_value to)
{
  const struct term_types *types = ruby_of(mrb)->terms.types;
  if (mrb_symbol_p(to) || mrb_string_p(to)) return true;
  if (mrb_array_p(to) && tuple_is(mrb, types, to)) return RARRAY_LEN(to) == 2;
  return mrb_obj_is_kind_of(mrb, to, types->pid) || mrb_obj_is_kind_of(mrb, to, types->reference);
}

/* Erlang.send(to, term) */
static mrb_value erlang_send(mrb_state *mrb, mrb_value self)
{
  struct ruby *ruby = ruby_of(mrb);
  struct message message;
  (void)self;
  mrb_get_args(mrb, "oo", &message.to, &message.term);
  if (!is_address(mrb, message.to))
    mrb_raisef(mrb, E_TYPE_ERROR,
               "%T is no address: an Erlang::Pid, a registered name, or a tuple of name and node",
               message.to);
  ruby_frame(ruby, put_message, &message);
  enum sent sent;
  while ((sent = ruby->host->send(ruby->context, ruby->frame.bytes, ruby->frame.length)) ==
         SENT_LATER)
    slice_wait(ruby->slice, now_ns() + RETRY_NS);
  if (sent == SENT_NEVER) mrb_raise(mrb, E_RUNTIME_ERROR, "nobody is there to send the message on");
  return message.term;
}

/* The hidden array: the block, and the terms that wait for one. */
enum { BLOCK, FIRST_TERM };

static mrb_value inbox(const struct ruby *ruby) { return mrb_obj_value(ruby->inbox); }

static mrb_value erlang_self(mrb_state *mrb, mrb_value self)
{
  struct ruby *ruby = ruby_of(mrb);
  struct buffer pid;
  (void)self;
  buffer_init(&pid, OWNER_BYTES);
  ruby->host->owner(ruby->context, &pid);
  struct etf_reader reader = {pid.bytes, pid.bytes + pid.length};
  mrb_value value = pid.length > 0 ? part(ruby, reader) : mrb_nil_value();
  buffer_fini(&pid);
  return value;
}

/* One after the other; a block may ask for messages itself, or set another block. */
static void deliver(struct ruby *ruby)
{
  mrb_state *mrb = ruby->mrb;
  int arena = mrb_gc_arena_save(mrb);
  while (RARRAY_LEN(inbox(ruby)) > FIRST_TERM) {
    mrb_value block = mrb_ary_entry(inbox(ruby), BLOCK);
    if (mrb_nil_p(block)) return;
    mrb_value term = mrb_ary_entry(inbox(ruby), FIRST_TERM);
    mrb_gc_protect(mrb, term);
    mrb_gc_protect(mrb, block);
    mrb_ary_splice(mrb, inbox(ruby), FIRST_TERM, 1, mrb_undef_value());
    mrb_yield(mrb, block, term);
    mrb_gc_arena_restore(mrb, arena);
  }
}

/* Erlang.on_message { |term| … }: nil without a block, which takes the last one away. */
static mrb_value erlang_on_message(mrb_state *mrb, mrb_value self)
{
  struct ruby *ruby = ruby_of(mrb);
  mrb_value block;
  (void)self;
  mrb_get_args(mrb, "&", &block);
  mrb_ary_set(mrb, inbox(ruby), BLOCK, block);
  deliver(ruby);
  return block;
}

void ruby_erlang_message(struct ruby *ruby, struct piece term)
{
  mrb_state *mrb = ruby->mrb;
  struct etf_reader reader = {term.bytes, term.bytes + term.length};
  mrb_value value = term_decode(mrb, &reader, &ruby->terms);
  bool waits = mrb_nil_p(mrb_ary_entry(inbox(ruby), BLOCK));
  if (waits && (uint64_t)(RARRAY_LEN(inbox(ruby)) - FIRST_TERM) >= ruby->options->queue_limit)
    mrb_raise(mrb, E_RUNTIME_ERROR, "too many messages wait for Erlang.on_message");
  mrb_ary_push(mrb, inbox(ruby), value);
  deliver(ruby);
}

/* --- all of it --- */

void ruby_erlang_init(struct ruby *ruby, struct RClass *erlang)
{
  mrb_state *mrb = ruby->mrb;
  ruby->inbox = ruby_keep_array(mrb, "rubeam inbox");
  mrb_ary_set(mrb, inbox(ruby), FIRST_TERM - 1, mrb_nil_value());
  struct RClass *error = mrb_class_get_under(mrb, erlang, "Error");
  ruby->call_error = mrb_define_class_under(mrb, erlang, "CallError", error);
  ruby_keep(mrb, "rubeam call error", ruby->call_error);
  mrb_define_method(mrb, ruby->call_error, "kind", error_kind, MRB_ARGS_NONE());
  mrb_define_method(mrb, ruby->call_error, "reason", error_reason, MRB_ARGS_NONE());
  mrb_define_method(mrb, ruby->call_error, "stack", error_stack, MRB_ARGS_NONE());
  mrb_define_module_function(mrb, erlang, "call", erlang_call, MRB_ARGS_REQ(1) | MRB_ARGS_REST());
  mrb_define_module_function(mrb, erlang, "send", erlang_send, MRB_ARGS_REQ(2));
  mrb_define_module_function(mrb, erlang, "self", erlang_self, MRB_ARGS_NONE());
  mrb_define_module_function(mrb, erlang, "on_message", erlang_on_message, MRB_ARGS_BLOCK());
}
