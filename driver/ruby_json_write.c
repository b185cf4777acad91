/* Values of Ruby as JSON: see ruby_json_write.h.
 *
 * Where a method of Ruby may have run, sizes are looked at anew and pointers fetched anew. The stack is
 * looked after at each level; the arena holds a few objects for each. The text grows in a String of
 * Ruby's, through a small buffer on the stack, so an exception leaves nothing behind. */
#include "ruby_json_write.h"

#include "float_text.h"
#include "ruby.h"
#include "ruby_json_out.h"

#include <mruby/array.h>
#include <mruby/class.h>
#include <mruby/hash.h>
#include <mruby/numeric.h>
#include <mruby/string.h>

#include <math.h>
#include <string.h>

struct writer {
  mrb_state *mrb;
  struct ruby *ruby;
  struct json_format format;
  mrb_value states; /* an Array of ours with the state, or nil: it is not made yet */
  struct json_out out;
  uint32_t ticks;
};

static void write_value(struct writer *w, mrb_value value);

static void put(struct writer *w, const char *bytes, size_t length)
{
  json_out_put(&w->out, bytes, length);
}

static void put_format(struct writer *w, enum json_text which)
{
  mrb_value text = w->format.texts[which];
  if (!mrb_nil_p(text)) put(w, RSTRING_PTR(text), (size_t)RSTRING_LEN(text));
}

static void tick(struct writer *w)
{
  if (--w->ticks > 0) return;
  w->ticks = TERM_CHECKPOINT;
  slice_checkpoint(w->ruby->slice);
}

/* The depth may have been given, and be absurd; the text may be empty. */
static void put_indent(struct writer *w)
{
  mrb_value text = w->format.texts[JSON_INDENT];
  if (mrb_nil_p(text) || RSTRING_LEN(text) == 0) return;
  for (mrb_int i = 0; i < w->format.depth; i++) {
    put_format(w, JSON_INDENT);
    tick(w);
  }
}

/* --- scalars --- */

static void put_float(struct writer *w, double number)
{
  char text[FLOAT_TEXT_BYTES];
  size_t length = float_text_write(number, text);
  if (!isfinite(number) && !w->format.allow_nan) {
    mrb_value name = mrb_str_new(w->mrb, text, (mrb_int)length);
    mrb_raisef(w->mrb, w->ruby->json.generator_error, "%v not allowed in JSON", name);
  }
  put(w, text, length);
}

static void put_integer(struct writer *w, mrb_value value)
{
  char digits[24], *at = digits + sizeof digits;
  if (!mrb_integer_p(value)) { /* a big one */
    mrb_value text = mrb_integer_to_str(w->mrb, value, 10);
    put(w, RSTRING_PTR(text), (size_t)RSTRING_LEN(text));
    return;
  }
  mrb_int number = mrb_integer(value);
  uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
  do *--at = (char)('0' + rest % 10);
  while (rest /= 10);
  if (number < 0) *--at = '-';
  put(w, at, (size_t)(digits + sizeof digits - at));
}

static void put_string(struct writer *w, mrb_value text) { json_out_string(&w->out, text); }

static mrb_value to_s(struct writer *w, mrb_value value)
{
  mrb_state *mrb = w->mrb;
  mrb_value text = mrb_funcall(mrb, value, "to_s", 0);
  if (!mrb_string_p(text))
    mrb_raisef(mrb, E_TYPE_ERROR, "wrong argument type %Y (expected String)", text);
  mrb_gc_protect(mrb, text);
  return text;
}

/* --- containers --- */

static void enter(struct writer *w)
{
  slice_need_stack(w->ruby->slice, JSON_STACK);
  if (w->format.max_nesting != 0 && w->format.depth >= w->format.max_nesting) {
    mrb_raisef(w->mrb, w->ruby->json.nesting_error, "nesting of %i is too deep",
               w->format.depth); /* the last that is not, as in Ruby */
  }
  if (w->format.depth < MRB_INT_MAX) w->format.depth++;
}

/* The line that ends a container. */
static void leave(struct writer *w, enum json_text newline)
{
  w->format.depth--;
  if (mrb_nil_p(w->format.texts[newline])) return;
  put_format(w, newline);
  put_indent(w);
}

static void write_array(struct writer *w, mrb_value array)
{
  enter(w);
  put(w, "[", 1);
  put_format(w, JSON_ARRAY_NL);
  mrb_gc_protect(w->mrb, array);
  int arena = mrb_gc_arena_save(w->mrb);
  for (mrb_int i = 0; i < RARRAY_LEN(array); i++) {
    if (i > 0) {
      put(w, ",", 1);
      put_format(w, JSON_ARRAY_NL);
    }
    put_indent(w);
    write_value(w, RARRAY_PTR(array)[i]);
    mrb_gc_arena_restore(w->mrb, arena);
    tick(w);
  }
  leave(w, JSON_ARRAY_NL);
  put(w, "]", 1);
}

/* A key's text is asked for by a method if it is of another kind than these. */
static void write_key(struct writer *w, mrb_value key)
{
  mrb_int length;
  char number[FLOAT_TEXT_BYTES];
  if (mrb_symbol_p(key)) {
    const char *name = mrb_sym_name_len(w->mrb, mrb_symbol(key), &length);
    json_out_text(&w->out, name, (size_t)length);
  } else if (mrb_integer_p(key)) {
    put(w, "\"", 1);
    put_integer(w, key);
    put(w, "\"", 1);
  } else if (mrb_float_p(key)) {
    json_out_text(&w->out, number, float_text_write(mrb_float(key), number));
  } else if (mrb_nil_p(key)) {
    put(w, "\"\"", 2);
  } else if (mrb_string_p(key) && mrb_obj_ptr(key)->c == w->mrb->string_class) {
    put_string(w, key);
  } else {
    /* As in Ruby: a String of another class may have a to_json of its own. */
    write_value(w, to_s(w, key));
  }
}

static void write_pair(struct writer *w, mrb_value key, mrb_value value, bool first)
{
  if (!first) put(w, ",", 1);
  put_format(w, JSON_OBJECT_NL);
  put_indent(w);
  write_key(w, key);
  put_format(w, JSON_SPACE_BEFORE);
  put(w, ":", 1);
  put_format(w, JSON_SPACE);
  write_value(w, value);
  tick(w);
}

/* Is it written without a method being called, and not a container, in which there may be another one? */
static bool is_flat(struct writer *w, mrb_value value)
{
  if (mrb_symbol_p(value)) return false;
  if (mrb_immediate_p(value) || mrb_float_p(value)) return true;
  if (mrb_string_p(value)) return mrb_obj_ptr(value)->c == w->mrb->string_class;
  return mrb_integer_p(value);
}

struct pairs {
  struct writer *w;
  bool first, flat;
};

static int look_for_others(mrb_state *mrb, mrb_value key, mrb_value value, void *data)
{
  struct pairs *pairs = data;
  (void)mrb;
  bool calls =
      mrb_true_p(key) || mrb_false_p(key) || !(mrb_symbol_p(key) || is_flat(pairs->w, key));
  pairs->flat = !calls && is_flat(pairs->w, value);
  return !pairs->flat;
}

static int write_flat_pair(mrb_state *mrb, mrb_value key, mrb_value value, void *data)
{
  struct pairs *pairs = data;
  int arena = mrb_gc_arena_save(mrb);
  write_pair(pairs->w, key, value, pairs->first);
  pairs->first = false;
  mrb_gc_arena_restore(mrb, arena);
  return 0;
}

/* Walks over copies of the keys and values: mrb_hash_foreach must not be used where a method may change
 * the hash. */
static void write_pairs(struct writer *w, mrb_value hash)
{
  mrb_state *mrb = w->mrb;
  mrb_value keys = mrb_hash_keys(mrb, hash), values = mrb_hash_values(mrb, hash);
  int arena = mrb_gc_arena_save(mrb);
  for (mrb_int i = 0; i < RARRAY_LEN(keys) && i < RARRAY_LEN(values); i++) {
    mrb_value key = RARRAY_PTR(keys)[i], value = RARRAY_PTR(values)[i];
    mrb_gc_protect(mrb, key);
    mrb_gc_protect(mrb, value);
    write_pair(w, key, value, i == 0);
    mrb_gc_arena_restore(mrb, arena);
  }
}

static void write_hash(struct writer *w, mrb_value hash)
{
  struct pairs pairs = {w, true, true};
  mrb_gc_protect(w->mrb, hash);
  enter(w);
  put(w, "{", 1);
  if (mrb_hash_size(w->mrb, hash) > 0) {
    mrb_hash_foreach(w->mrb, mrb_hash_ptr(hash), look_for_others, &pairs);
    if (pairs.flat)
      mrb_hash_foreach(w->mrb, mrb_hash_ptr(hash), write_flat_pair, &pairs);
    else
      write_pairs(w, hash);
  }
  leave(w, JSON_OBJECT_NL);
  put(w, "}", 1);
}

/* --- values --- */

static void write_object(struct writer *w, mrb_value value)
{
  mrb_state *mrb = w->mrb;
  mrb_sym to_json = mrb_intern_lit(mrb, "to_json");
  mrb_gc_protect(mrb, value);
  if (!mrb_respond_to(mrb, value, to_json)) {
    put_string(w, to_s(w, value));
    return;
  }
  slice_need_stack(w->ruby->slice, JSON_STACK);
  mrb_value state = mrb_ary_entry(w->states, 0);
  if (mrb_nil_p(state)) {
    state = json_format_to_state(mrb, &w->format);
    mrb_ary_set(mrb, w->states, 0, state);
  }
  json_format_set_depth(mrb, state, w->format.depth);
  mrb_value text = mrb_funcall_argv(mrb, value, to_json, 1, &state);
  if (!mrb_string_p(text))
    mrb_raisef(mrb, E_TYPE_ERROR, "wrong argument type %Y (expected String)", text);
  mrb_gc_protect(mrb, text);
  put(w, RSTRING_PTR(text), (size_t)RSTRING_LEN(text));
}

/* False: it is of another kind. `exact`: of a subclass, or with methods of its own, is another kind. */
static bool write_known(struct writer *w, mrb_value value, bool exact)
{
  mrb_state *mrb = w->mrb;
  switch (mrb_type(value)) {
  case MRB_TT_TRUE: put(w, "true", 4); return true;
  case MRB_TT_FALSE:
    if (mrb_nil_p(value))
      put(w, "null", 4);
    else
      put(w, "false", 5);
    return true;
  case MRB_TT_INTEGER:
  case MRB_TT_BIGINT: put_integer(w, value); return true;
  case MRB_TT_FLOAT: put_float(w, mrb_float(value)); return true;
  case MRB_TT_STRING:
    if (exact && mrb_obj_ptr(value)->c != mrb->string_class) return false;
    put_string(w, value);
    return true;
  case MRB_TT_ARRAY:
    if (exact && mrb_obj_ptr(value)->c != mrb->array_class) return false;
    write_array(w, value);
    return true;
  case MRB_TT_HASH:
    if (exact && mrb_obj_ptr(value)->c != mrb->hash_class) return false;
    write_hash(w, value);
    return true;
  default: return false; /* mruby's other types are many, and differ from version to version */
  }
}

static void write_value(struct writer *w, mrb_value value)
{
  int arena = mrb_gc_arena_save(w->mrb);
  if (!write_known(w, value, true)) write_object(w, value);
  mrb_gc_arena_restore(w->mrb, arena);
}

mrb_value json_write(mrb_state *mrb, const struct json_format *format, mrb_value state,
                     mrb_value value, bool itself)
{
  struct writer w = {.mrb = mrb,
                     .ruby = ruby_of(mrb),
                     .format = *format,
                     .states = mrb_ary_new_from_values(mrb, 1, &state),
                     .ticks = TERM_CHECKPOINT};
  mrb_ary_ptr(w.states)->c = NULL; /* not to be found by Ruby code: see ruby_keep.c */
  json_out_init(&w.out, mrb, format);
  if (!itself)
    write_value(&w, value);
  else if (!write_known(&w, value, false))
    put_string(&w, to_s(&w, value));
  return json_out_end(&w.out);
}
