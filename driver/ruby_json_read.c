/* JSON as values of Ruby: see ruby_json_read.h.
 *
 * yyjson reads a text in one go, without safe points, into a tree of its own. Its code lies where the
 * signal of preempt.c may interrupt it (see the Makefile), its memory is the interpreter's, through
 * an allocator that never raises: a job that is killed in it leaves nothing behind. The tree is then
 * made into values, with safe points, inside of a protected call, so that it is freed whatever happens. */
#include "ruby_json_read.h"

#include "ruby.h"
#include "ruby_json_error.h"
#include "ruby_json_out.h"
#include "term_big.h"
#include "term_types.h"

#include <mruby/array.h>
#include <mruby/error.h>
#include <mruby/hash.h>
#include <mruby/string.h>

#include <math.h>
#include <stdint.h>
#include <string.h>
#include <yyjson.h>

struct reader {
  mrb_state *mrb;
  struct ruby *ruby;
  mrb_value text;
  const struct json_options *options;
  yyjson_doc *document;
  mrb_int depth;  /* levels that are open */
  uint32_t ticks; /* values until the next safe point */
  bool odd;       /* there was a NaN or an infinity that was written as such */
};

static void fill(struct reader *r, mrb_value made, yyjson_val *container);

static void tick(struct reader *r)
{
  if (--r->ticks > 0) return;
  r->ticks = TERM_CHECKPOINT;
  slice_checkpoint(r->ruby->slice);
}

/* --- numbers --- */

/* Digits that are taken at a time, and ten to the power of them. */
#define STEP_DIGITS 9
static const uint32_t powers[] = {1,      10,      100,      1000,      10000,
                                  100000, 1000000, 10000000, 100000000, 1000000000};

/* mruby's own conversion takes an allocation and a product for each digit. */
mrb_value json_read_integer(mrb_state *mrb, bool negative, const char *digits, size_t count)
{
  struct slice *slice = ruby_of(mrb)->slice;
  int arena = mrb_gc_arena_save(mrb);
  /* 10 bits hold three digits */
  size_t room = count / 9 + 2, words = 0;
  mrb_value memory = mrb_str_new(mrb, NULL, (mrb_int)(room * sizeof(uint32_t)));
  uint32_t *word = (uint32_t *)(void *)RSTRING_PTR(memory);
  for (const char *end = digits + count; digits < end;) {
    uint64_t carry = 0;
    unsigned taken = 0;
    for (; taken < STEP_DIGITS && digits < end; taken++)
      carry = carry * 10 + (uint64_t)(*digits++ - '0');
    for (size_t i = 0; i < words; i++) {
      carry += (uint64_t)word[i] * powers[taken];
      word[i] = (uint32_t)carry;
      carry >>= 32;
    }
    if (carry > 0) word[words++] = (uint32_t)carry;
    slice_checkpoint(slice);
  }
  uint8_t *bytes = (uint8_t *)word;
  for (size_t i = 0; i < words; i++) { /* little-endian, on any machine */
    uint32_t value = word[i];
    for (unsigned byte = 0; byte < 4; byte++) bytes[4 * i + byte] = (uint8_t)(value >> 8 * byte);
  }
  size_t length = 4 * words;
  while (length > 0 && bytes[length - 1] == 0) length--;
  mrb_value number = big_new(mrb, negative, bytes, length);
  mrb_gc_arena_restore(mrb, arena);
  mrb_gc_protect(mrb, number);
  return number;
}

/* A number that yyjson has no type for: an integer of more than 64 bits, a float beyond all, or what is
 * written as NaN or infinity. */
static mrb_value read_raw(struct reader *r, const char *text, size_t length)
{
  bool negative = *text == '-';
  char first = text[negative];
  if (first < '0' || first > '9') {
    r->odd = true;
    return mrb_float_value(r->mrb, first == 'N' ? NAN : negative ? -INFINITY : INFINITY);
  }
  if (memchr(text, '.', length) || memchr(text, 'e', length) || memchr(text, 'E', length))
    return mrb_float_value(r->mrb, negative ? -INFINITY : INFINITY);
  return json_read_integer(r->mrb, negative, text + negative, length - negative);
}

static mrb_value read_number(struct reader *r, yyjson_val *value)
{
  uint64_t magnitude;
  uint8_t bytes[8];
  switch (unsafe_yyjson_get_subtype(value)) {
  case YYJSON_SUBTYPE_UINT:
    magnitude = unsafe_yyjson_get_uint(value);
    if (magnitude <= (uint64_t)MRB_INT_MAX) return mrb_int_value(r->mrb, (mrb_int)magnitude);
    for (unsigned i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(magnitude >> 8 * i);
    return big_new(r->mrb, false, bytes, sizeof bytes);
  case YYJSON_SUBTYPE_SINT: return mrb_int_value(r->mrb, (mrb_int)unsafe_yyjson_get_sint(value));
  default: return mrb_float_value(r->mrb, unsafe_yyjson_get_real(value));
  }
}

/* --- strings --- */

static mrb_value frozen(mrb_value object)
{
  MRB_SET_FROZEN_FLAG(mrb_basic_ptr(object));
  return object;
}

static mrb_value read_string(struct reader *r, yyjson_val *value)
{
  mrb_value string =
      mrb_str_new(r->mrb, unsafe_yyjson_get_str(value), (mrb_int)unsafe_yyjson_get_len(value));
  return r->options->freeze ? frozen(string) : string;
}

/* The objects of an array mostly have the same keys. */
static mrb_value read_key(struct reader *r, yyjson_val *value)
{
  struct term_names *names = r->ruby->terms.types->names;
  const char *text = unsafe_yyjson_get_str(value);
  size_t length = unsafe_yyjson_get_len(value);
  if (r->options->symbolize_names)
    return mrb_symbol_value(term_names_symbol(r->mrb, names, text, length));
  return term_names_string(r->mrb, names, text, length);
}

/* --- values --- */

/* A value, of a container one that is empty still: it is put where it belongs before it is filled, so that
 * the arena need not hold a value for each level. */
static mrb_value begin_value(struct reader *r, yyjson_val *value)
{
  tick(r);
  switch (unsafe_yyjson_get_type(value)) {
  case YYJSON_TYPE_RAW:
    return read_raw(r, unsafe_yyjson_get_raw(value), unsafe_yyjson_get_len(value));
  case YYJSON_TYPE_BOOL: return mrb_bool_value(unsafe_yyjson_get_bool(value));
  case YYJSON_TYPE_NUM: return read_number(r, value);
  case YYJSON_TYPE_STR: return read_string(r, value);
  case YYJSON_TYPE_ARR: return mrb_ary_new_capa(r->mrb, (mrb_int)unsafe_yyjson_get_len(value));
  case YYJSON_TYPE_OBJ: return mrb_hash_new_capa(r->mrb, (mrb_int)unsafe_yyjson_get_len(value));
  default: return mrb_nil_value();
  }
}

static void fill_array(struct reader *r, mrb_value made, yyjson_val *array)
{
  size_t count = unsafe_yyjson_get_len(array);
  int arena = mrb_gc_arena_save(r->mrb);
  yyjson_val *value = unsafe_yyjson_get_first(array);
  for (size_t i = 0; i < count; i++, value = unsafe_yyjson_get_next(value)) {
    mrb_value element = begin_value(r, value);
    mrb_ary_push(r->mrb, made, element);
    mrb_gc_arena_restore(r->mrb, arena);
    if (unsafe_yyjson_is_ctn(value)) fill(r, element, value);
  }
}

static void fill_hash(struct reader *r, mrb_value made, yyjson_val *object)
{
  size_t count = unsafe_yyjson_get_len(object);
  int arena = mrb_gc_arena_save(r->mrb);
  yyjson_val *key = unsafe_yyjson_get_first(object);
  for (size_t i = 0; i < count; i++) {
    yyjson_val *value = key + 1;
    mrb_value name = read_key(r, key);
    mrb_gc_protect(r->mrb, name);
    mrb_value element = begin_value(r, value);
    mrb_hash_set(r->mrb, made, name, element);
    mrb_gc_arena_restore(r->mrb, arena);
    if (unsafe_yyjson_is_ctn(value)) fill(r, element, value);
    key = unsafe_yyjson_get_next(value);
  }
}

static void fill(struct reader *r, mrb_value made, yyjson_val *container)
{
  slice_need_stack(r->ruby->slice, JSON_STACK);
  r->depth++;
  if (r->options->max_nesting != 0 && r->depth > r->options->max_nesting)
    mrb_raisef(r->mrb, r->ruby->json.nesting_error, "nesting of %i is too deep", r->depth);
  if (unsafe_yyjson_is_arr(container))
    fill_array(r, made, container);
  else
    fill_hash(r, made, container);
  r->depth--;
  if (r->options->freeze) frozen(made);
}

/* --- the text --- */

static void *allocate(void *mrb, size_t bytes) { return mrb_malloc_simple(mrb, bytes); }

static void *resize(void *mrb, void *block, size_t old, size_t bytes)
{
  (void)old;
  return mrb_realloc_simple(mrb, block, bytes);
}

static void release(void *mrb, void *block) { mrb_free(mrb, block); }

static mrb_value make_value(mrb_state *mrb, void *data)
{
  struct reader *r = data;
  yyjson_val *root = yyjson_doc_get_root(r->document);
  mrb_value value = begin_value(r, root);
  mrb_gc_protect(mrb, value);
  if (unsafe_yyjson_is_ctn(root)) fill(r, value, root);
  return value;
}

/* The tree, or the error that is told. */
static yyjson_doc *read_document(mrb_state *mrb, mrb_value text, const struct json_options *options)
{
  const yyjson_alc allocator = {allocate, resize, release, mrb};
  yyjson_read_flag flags = YYJSON_READ_ALLOW_COMMENTS | YYJSON_READ_BIGNUM_AS_RAW;
  yyjson_read_err error = {0};
  if (options->allow_nan) flags |= YYJSON_READ_ALLOW_INF_AND_NAN;
  for (;;) { /* without the flag that the text may be changed, it is copied */
    yyjson_doc *document =
        yyjson_read_opts(RSTRING_PTR(text), (size_t)RSTRING_LEN(text), flags, &allocator, &error);
    if (document) return document;
    if (error.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
      mrb_exc_raise(mrb, mrb_obj_value(mrb->nomem_err));
    json_find_error(mrb, text, options->max_nesting, options->allow_nan);
    /* Then it is invalid UTF-8 in a string. The flag lets control characters pass as well, of which
     * there are none. */
    if (error.code != YYJSON_READ_ERROR_INVALID_STRING || flags & YYJSON_READ_ALLOW_INVALID_UNICODE)
      json_fail_at(mrb, text, error.pos);
    flags |= YYJSON_READ_ALLOW_INVALID_UNICODE;
  }
}

mrb_value json_read(mrb_state *mrb, mrb_value text, const struct json_options *options)
{
  struct reader r = {
      .mrb = mrb, .ruby = ruby_of(mrb), .text = text, .options = options, .ticks = TERM_CHECKPOINT};
  if ((size_t)RSTRING_LEN(text) > INLINE_TEXT_BYTES) slice_leave_scheduler(r.ruby->slice);
  slice_need_stack(r.ruby->slice, JSON_STACK);
  r.document = read_document(mrb, text, options);
  mrb_bool failed = FALSE;
  mrb_value value = mrb_protect_error(mrb, make_value, &r, &failed);
  yyjson_doc_free(r.document);
  mrb_gc_protect(mrb, value);
  if (failed) mrb_exc_raise(mrb, value);
  /* yyjson takes "nan", "INF" and others as well. */
  if (r.odd) json_find_error(mrb, text, options->max_nesting, options->allow_nan);
  return value;
}
