/* Terms of Erlang as values of Ruby.
 *
 * Guarantees: bytes are looked at through etf.h alone; memory taken ahead for elements never
 * exceeds what the bytes that are left can fill, over all levels together; the C stack is bounded
 * by the depth; the arena holds a few objects for each level, however many elements there are.
 * Methods of Ruby run in one place only: a Hash asks keys that are arrays, hashes, tuples or the
 * like for hash and eql?. So a container under construction is never held by a raw pointer while an
 * element is made: such a method might find it through ObjectSpace. Thread: the interpreter's, on
 * the stack of its job.
 */
#include "term.h"
#include "term_big.h"
#include "term_names.h"
#include "term_types.h"

#include <mruby/array.h>
#include <mruby/hash.h>
#include <mruby/string.h>

#include <endian.h>
#include <string.h>

/* How many pairs a Hash may have before another one costs an element more: keys can be made to
 * collide. */
#define PAIRS_A_TICK 64

/* Elements of a list or tuple that are gathered on the stack. */
#define FEW 8

struct decoder {
  mrb_state *mrb;
  struct etf_reader *reader;
  const struct term_context *context;
  const struct term_types *types;
  uint32_t depth;    /* levels that may still be opened */
  uint32_t ticks;    /* elements until the next checkpoint */
  uint64_t promised; /* terms that the open heads have announced, and that have not begun */
  bool called;       /* methods of Ruby may have run */
};

static mrb_value decode(struct decoder *d);
static mrb_value decode_item(struct decoder *d, struct etf_item *item);

static mrb_noreturn void fail(const struct decoder *d, const char *message)
{
  mrb_raise(d->mrb, d->types->term_error, message);
}

static mrb_noreturn void fail_status(const struct decoder *d, enum status status)
{
  switch (status) {
  case STATUS_TRUNCATED: fail(d, "the bytes of a term end too early");
  case STATUS_UNSUPPORTED: fail(d, "a term in an encoding that is not supported");
  case STATUS_OK:
  case STATUS_MALFORMED:
  case STATUS_TOO_LARGE:
  case STATUS_NO_MEMORY: break;
  }
  fail(d, "bytes that are no term");
}

static void tick(struct decoder *d, uint32_t elements)
{
  if (d->ticks > elements) {
    d->ticks -= elements;
    return;
  }
  d->ticks = TERM_CHECKPOINT;
  if (d->context->checkpoint) d->context->checkpoint(d->context->checkpoint_data);
}

static void next(struct decoder *d, struct etf_item *item)
{
  enum status status = etf_next(d->reader, item);
  if (status) fail_status(d, status);
}

/* Opens a list, tuple or map. Its terms, and all that outer ones still wait for, must be there: so
 * lists in lists, each of which claims the rest of the bytes, are found out at once. */
static void enter(struct decoder *d, const struct etf_item *item)
{
  if (d->depth == 0) {
    mrb_raisef(d->mrb, d->types->term_error, "a term nested deeper than %i levels",
               (mrb_int)term_depth(d->context));
  }
  d->depth--;
  d->promised += etf_children(item);
  if (d->promised > (size_t)(d->reader->end - d->reader->at)) fail_status(d, STATUS_TRUNCATED);
}

static mrb_value symbol_of(struct decoder *d, const uint8_t *name, size_t length)
{
  mrb_sym symbol = term_names_symbol(d->mrb, d->types->names, name, length);
  if (d->context->atoms_exist && d->context->atoms && !atoms_seen(d->context->cache, symbol) &&
      atoms_know(d->context->atoms, name, length) == STATUS_OK)
    atoms_remember(d->context->cache, symbol);
  return mrb_symbol_value(symbol);
}

/* Kept out of line, for the room it needs on the stack. */
__attribute__((noinline)) static mrb_value symbol_of_latin1(struct decoder *d,
                                                            const struct etf_item *item)
{
  uint8_t utf8[2 * ETF_ATOM_CHARACTERS];
  return symbol_of(d, utf8, etf_latin1_to_utf8(item->bytes, item->length, utf8));
}

static mrb_value decode_atom(struct decoder *d, const struct etf_item *item)
{
  if (etf_is_atom(item, "true")) return mrb_true_value();
  if (etf_is_atom(item, "false")) return mrb_false_value();
  if (etf_is_atom(item, "nil")) return mrb_nil_value();
  return item->latin1 ? symbol_of_latin1(d, item) : symbol_of(d, item->bytes, item->length);
}

/* mrb_ary_push, but for its function calls in the ordinary case. */
static void push(struct decoder *d, mrb_value array, mrb_value value)
{
  struct RArray *a = mrb_ary_ptr(array);
  if (ARY_EMBED_P(a) || ARY_SHARED_P(a) || MRB_FROZEN_P(a) || ARY_LEN(a) == ARY_CAPA(a)) {
    mrb_ary_push(d->mrb, array, value);
    return;
  }
  a->as.heap.ptr[a->as.heap.len++] = value;
  if (!mrb_immediate_p(value))
    mrb_field_write_barrier(d->mrb, (struct RBasic *)a, mrb_basic_ptr(value));
}

static void push_bytes(struct decoder *d, mrb_value array, const struct etf_item *item)
{
  for (size_t i = 0; i < item->length; i++) {
    push(d, array, mrb_fixnum_value(item->bytes[i]));
    tick(d, 1);
  }
}

static void push_terms(struct decoder *d, mrb_value array, uint32_t count)
{
  int arena = mrb_gc_arena_save(d->mrb);
  for (uint32_t i = 0; i < count; i++) {
    d->promised--;
    push(d, array, decode(d));
    mrb_gc_arena_restore(d->mrb, arena);
    tick(d, 1);
  }
}

/* An array of the next `count` terms. Of a few it is made when they are all there, in one piece. */
static mrb_value decode_elements(struct decoder *d, uint32_t count)
{
  if (count > FEW) {
    mrb_value array = mrb_ary_new_capa(d->mrb, count);
    push_terms(d, array, count);
    return array;
  }
  mrb_value few[FEW];
  int arena = mrb_gc_arena_save(d->mrb);
  for (uint32_t i = 0; i < count; i++) {
    d->promised--;
    few[i] = decode(d); /* the arena holds it */
  }
  mrb_value array = mrb_ary_new_from_values(d->mrb, count, few);
  mrb_gc_arena_restore(d->mrb, arena);
  mrb_gc_protect(d->mrb, array);
  tick(d, count + 1);
  return array;
}

static mrb_value decode_string(struct decoder *d, const struct etf_item *item)
{
  mrb_value array = mrb_ary_new_capa(d->mrb, (mrb_int)item->length);
  push_bytes(d, array, item);
  return array;
}

/* A tail may be a list again: libei's manual shows how to write a list cons by cons. */
static mrb_value decode_list(struct decoder *d, struct etf_item *item)
{
  enter(d, item);
  mrb_value array = decode_elements(d, item->count);
  for (;;) {
    d->promised--;
    next(d, item);
    if (item->kind == ETF_NIL) break;
    if (item->kind == ETF_STRING) {
      push_bytes(d, array, item);
      break;
    }
    if (item->kind != ETF_LIST) fail(d, "an improper list has no form in Ruby");
    d->depth++;
    enter(d, item);
    push_terms(d, array, item->count);
    tick(d, 1);
  }
  d->depth++;
  return array;
}

static mrb_value decode_tuple(struct decoder *d, const struct etf_item *item)
{
  enter(d, item);
  mrb_value array = decode_elements(d, item->count);
  d->depth++;
  return tuple_from_array(d->types, array);
}

/* --- maps --- */

/* The keys of a map so far. Of these two kinds is all that matters for speed: what is no object (Symbols, small
 * Integers), and Strings, which the VM writes in their order. */
struct keys {
  const uint8_t *last; /* of the Strings; NULL: there is none */
  size_t last_length;
  uint64_t last_begin; /* its first bytes: see beginning */
  bool known;          /* so far, none can be equal to another one */
};

/* The first eight bytes, or fewer and zeros, as a number that is greater for a greater String. */
static uint64_t beginning(const struct decoder *d, const uint8_t *bytes, size_t length)
{
  uint64_t word = 0;
  if (length < sizeof word && (size_t)(d->reader->end - bytes) < sizeof word) {
    for (size_t i = 0; i < length; i++) word |= (uint64_t)bytes[i] << (56 - 8 * i);
    return word;
  }
  memcpy(&word, bytes, sizeof word); /* what follows the String is in the reader, too */
  word = be64toh(word);
  if (length >= sizeof word) return word;
  return length > 0 ? word >> (64 - 8 * length) << (64 - 8 * length) : 0;
}

/* Is the String greater than those before it? */
static bool goes_on(struct decoder *d, struct keys *keys, const uint8_t *bytes, size_t length)
{
  uint64_t begin = beginning(d, bytes, length);
  bool greater = !keys->last || begin > keys->last_begin;
  if (!greater && begin == keys->last_begin) {
    size_t common = length < keys->last_length ? length : keys->last_length;
    int order = memcmp(bytes, keys->last, common);
    greater = order > 0 || (order == 0 && length > keys->last_length);
  }
  keys->last = bytes;
  keys->last_length = length;
  keys->last_begin = begin;
  return greater;
}

/* mrb_hash_set looks at all keys that are there already. This does not; false, and nothing is done: it
 * must. */
static bool append_pair(struct decoder *d, mrb_value hash, uint32_t count, mrb_value key,
                        mrb_value value);

#if MRUBY_RELEASE_NO / 100 == 303 /* of that release; others were not looked at */

/* As in mruby's hash.c: a Hash of at most 16 pairs has them one behind the other, as they came. */
struct hash_entry {
  mrb_value key, value;
};

static bool is_among(const struct hash_entry *pairs, uint32_t count, mrb_value key)
{
  bool found = false;
  for (uint32_t i = 0; i < count; i++) found |= pairs[i].key.w == key.w;
  return found;
}

static bool append_pair(struct decoder *d, mrb_value hash, uint32_t count, mrb_value key,
                        mrb_value value)
{
  struct RHash *h = mrb_hash_ptr(hash);
  if (h->flags & MRB_HASH_HT || h->size != count || h->ea_n_used != count || h->ea_capa <= count)
    return false;
  if (!mrb_string_p(key) && is_among(h->hsh.ea, count, key)) return false;
  h->hsh.ea[count] = (struct hash_entry){key, value};
  h->size = h->ea_n_used = count + 1;
  if (!mrb_immediate_p(key))
    mrb_field_write_barrier(d->mrb, (struct RBasic *)h, mrb_basic_ptr(key));
  if (!mrb_immediate_p(value))
    mrb_field_write_barrier(d->mrb, (struct RBasic *)h, mrb_basic_ptr(value));
  return true;
}

#else

static bool append_pair(struct decoder *d, mrb_value hash, uint32_t count, mrb_value key,
                        mrb_value value)
{
  (void)d;
  (void)hash;
  (void)count;
  (void)key;
  (void)value;
  return false;
}

#endif

static mrb_value decode_key(struct decoder *d, struct keys *keys)
{
  struct etf_item item;
  if (etf_take_binary(d->reader, &item.bytes, &item.length)) {
    keys->known = keys->known && goes_on(d, keys, item.bytes, item.length);
    return term_names_string(d->mrb, d->types->names, item.bytes, item.length);
  }
  next(d, &item);
  mrb_value key = decode_item(d, &item);
  keys->known = keys->known && mrb_immediate_p(key);
  bool quiet = item.kind == ETF_INTEGER || item.kind == ETF_FLOAT || item.kind == ETF_ATOM;
  d->called = d->called || !quiet;
  return key;
}

/* The value of this key, which may be forgotten by others in the value. */
static mrb_value decode_value(struct decoder *d, mrb_value key)
{
  uint8_t small;
  if (etf_take_small(d->reader, &small)) return mrb_fixnum_value(small);
  mrb_gc_protect(d->mrb, key);
  return decode(d);
}

static mrb_value decode_map(struct decoder *d, const struct etf_item *item)
{
  uint32_t count = item->count;
  struct keys keys = {.known = true};
  enter(d, item);
  mrb_value hash = mrb_hash_new_capa(d->mrb, count);
  int arena = mrb_gc_arena_save(d->mrb);
  for (uint32_t i = 0; i < count; i++) {
    d->promised--;
    mrb_value key = decode_key(d, &keys);
    d->promised--;
    mrb_value value = decode_value(d, key);
    keys.known = keys.known && !d->called && append_pair(d, hash, i, key, value);
    if (!keys.known) mrb_hash_set(d->mrb, hash, key, value);
    if (d->mrb->gc.arena_idx != arena) mrb_gc_arena_restore(d->mrb, arena);
    tick(d, 2 + i / PAIRS_A_TICK);
  }
  d->depth++;
  return hash;
}

static mrb_value decode_big(struct decoder *d, const struct etf_item *item)
{
  if (item->length > TERM_BIG_BYTES) {
    mrb_raisef(d->mrb, d->types->term_error, "an integer of more than %i bytes",
               (mrb_int)TERM_BIG_BYTES);
  }
  return big_new(d->mrb, item->negative, item->bytes, item->length);
}

static mrb_value decode_item(struct decoder *d, struct etf_item *item)
{
  switch (item->kind) {
  case ETF_INTEGER: return mrb_int_value(d->mrb, item->integer);
  case ETF_BIG: return decode_big(d, item);
  case ETF_FLOAT: return mrb_float_value(d->mrb, item->number);
  case ETF_ATOM: return decode_atom(d, item);
  case ETF_BINARY: return mrb_str_new(d->mrb, (const char *)item->bytes, (mrb_int)item->length);
  case ETF_BITSTRING: fail(d, "a bit string has no form in Ruby");
  case ETF_STRING: return decode_string(d, item);
  case ETF_NIL: return mrb_ary_new(d->mrb);
  case ETF_LIST: return decode_list(d, item);
  case ETF_TUPLE: return decode_tuple(d, item);
  case ETF_MAP: return decode_map(d, item);
  case ETF_PID:
  case ETF_PORT:
  case ETF_REFERENCE:
  case ETF_FUN: return opaque_new(d->mrb, d->types, item);
  }
  fail(d, "bytes that are no term");
}

static mrb_value decode(struct decoder *d)
{
  struct etf_item item;
  uint8_t small;
  if (etf_take_small(d->reader, &small)) return mrb_fixnum_value(small);
  next(d, &item);
  return decode_item(d, &item);
}

mrb_value term_decode(mrb_state *mrb, struct etf_reader *reader, const struct term_context *context)
{
  struct decoder d = {
      .mrb = mrb,
      .reader = reader,
      .context = context,
      .types = context->types ? context->types : term_types(mrb),
      .depth = term_depth(context),
      .ticks = TERM_CHECKPOINT,
      .promised = 0,
  };
  int arena = mrb_gc_arena_save(mrb);
  mrb_value value = decode(&d);
  mrb_gc_arena_restore(mrb, arena);
  mrb_gc_protect(mrb, value);
  return value;
}
