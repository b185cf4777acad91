/* Erlang.globals and Erlang.gc: see ruby_inside.h. */
#include "ruby_inside.h"

#include "ruby_api.h"

#include <mruby/array.h>
#include <mruby/error.h>
#include <mruby/hash.h>
#include <mruby/string.h>
#include <mruby/variable.h>

/* Bytes of a value's text. */
#define INSPECTED ((mrb_int)1000)

static mrb_value inspect(mrb_state *mrb, void *data)
{
  return mrb_inspect(mrb, *(mrb_value *)data);
}

/* `inspect` may be the script's: what it raises is no reason to tell nothing of the others. Not where the
 * request has been stopped. */
static mrb_value inspected(mrb_state *mrb, mrb_value value)
{
  mrb_bool failed = FALSE;
  mrb_value text = mrb_protect_error(mrb, inspect, &value, &failed);
  if (failed && slice_stopped(ruby_of(mrb)->slice) != STOP_NONE) mrb_exc_raise(mrb, text);
  if (failed || !mrb_string_p(text)) return mrb_str_new_lit(mrb, "(can't be told: it raises)");
  if (RSTRING_LEN(text) <= INSPECTED) return text;
  mrb_int length = INSPECTED;
  while (length > 0 && (RSTRING_PTR(text)[length] & 0xc0) == 0x80) length--; /* no half character */
  mrb_value cut = mrb_str_new(mrb, RSTRING_PTR(text), length);
  return mrb_str_cat_lit(mrb, cut, "…");
}

static void put(mrb_state *mrb, mrb_value hash, mrb_sym name, mrb_value value)
{
  int arena = mrb_gc_arena_save(mrb);
  mrb_hash_set(mrb, hash, mrb_sym_str(mrb, name), inspected(mrb, value));
  mrb_gc_arena_restore(mrb, arena);
}

/* Erlang.globals: the global variables, and those of the session, which all evals share. */
static mrb_value erlang_globals(mrb_state *mrb, mrb_value self)
{
  const struct ruby_compiler *compiler = &ruby_of(mrb)->compiler;
  mrb_value hash = mrb_hash_new(mrb);
  mrb_value names = ruby_global_variables(mrb, self);
  for (mrb_int i = 0; i < RARRAY_LEN(names); i++) {
    mrb_sym name = mrb_symbol(RARRAY_PTR(names)[i]);
    put(mrb, hash, name, mrb_gv_get(mrb, name));
  }
  /* An inspect can't add any: no code is compiled in the session before this ends. */
  names = ruby_compile_names(compiler, mrb);
  for (mrb_int i = 0; i < RARRAY_LEN(names); i++) {
    mrb_sym name = mrb_symbol(RARRAY_PTR(names)[i]);
    put(mrb, hash, name, ruby_compile_value(compiler, name));
  }
  return hash;
}

/* Erlang.gc: how many bytes are in use after a full collection. */
static mrb_value erlang_gc(mrb_state *mrb, mrb_value self)
{
  struct slice *slice = ruby_of(mrb)->slice;
  (void)self;
  slice_leave_scheduler(slice);
  mrb_full_gc(mrb);
  heap_trim(slice->heap);
  return mrb_int_value(mrb, (mrb_int)heap_used(slice->heap));
}

void ruby_inside_init(struct ruby *ruby, struct RClass *erlang)
{
  mrb_define_module_function(ruby->mrb, erlang, "globals", erlang_globals, MRB_ARGS_NONE());
  mrb_define_module_function(ruby->mrb, erlang, "gc", erlang_gc, MRB_ARGS_NONE());
}
