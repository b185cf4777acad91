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

/* What a map's keys were, so that the next one of the same kind need not have its own looked up: see
 * decode_known_pairs. */
#define PATTERN_KEYS 16 /* no Hash of more pairs is written by append_pair */

struct pattern {
  uint64_t forgotten; /* term_names_forgotten: while it has not changed, the keys are there */
  uint32_t count;
  struct known_key {
    const uint8_t *bytes; /* encoded, in what is read */
    size_t length;
    mrb_value value; /* no object, or a String of term_names.h */
  } keys[PATTERN_KEYS];
};

/* Those of maps in one another don't disturb each other; of two kinds of map in a third only those whose
 * counts of pairs are not both even or both odd. */
#define PATTERN_LEVELS 3
#define PATTERNS       (2 * PATTERN_LEVELS)

struct decoder {
  mrb_state *mrb;
  struct etf_reader *reader;
  const struct term_context *context;
  const struct term_types *types;
  uint32_t depth;     /* levels that may still be opened */
  uint32_t ticks;     /* elements until the next checkpoint */
  uint64_t promised;  /* terms that the open heads have announced, and that have not begun */
  bool called;        /* methods of Ruby may have run */
  uint32_t maps;      /* that are open */
  uint32_t patterned; /* a bit for each pattern that there is */
  struct pattern *patterns;
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

/* The VM has this atom, if it has encoded it. */
static inline void note_atom(struct decoder *d, mrb_sym symbol, const uint8_t *name, size_t length)
{
  if (d->context->atoms_exist && d->context->atoms && !atoms_seen(d->context->cache, symbol) &&
      atoms_know(d->context->atoms, name, length) == STATUS_OK)
    atoms_remember(d->context->cache, symbol);
}

static mrb_value symbol_of(struct decoder *d, const uint8_t *name, size_t length)
{
  mrb_sym symbol = term_names_symbol(d->mrb, d->types->names, name, length);
  note_atom(d, symbol, name, length);
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

/* An atom that came before, so that its name need not be looked at. False: it is none, and nothing is
 * read. */
static inline bool take_known_atom(struct decoder *d, mrb_value *value)
{
  struct etf_reader ahead = *d->reader;
  const uint8_t *name;
  size_t length;
  mrb_sym symbol;
  if (!etf_take_atom(&ahead, &name, &length)) return false;
  if (length == 4 && memcmp(name, "true", 4) == 0) {
    *value = mrb_true_value();
  } else if (length == 5 && memcmp(name, "false", 5) == 0) {
    *value = mrb_false_value();
  } else if (length == 3 && memcmp(name, "nil", 3) == 0) {
    *value = mrb_nil_value();
  } else if (term_names_find_symbol(d->types->names, name, length, &symbol)) {
    note_atom(d, symbol, name, length);
    *value = mrb_symbol_value(symbol);
  } else {
    return false;
  }
  *d->reader = ahead;
  return true;
}

/* What comes most often. No other name is forgotten for it. False: it is something else, and nothing is
 * read. */
static inline bool take_simple(struct decoder *d, mrb_value *value)
{
  int32_t integer;
  const uint8_t *bytes;
  size_t length;
  if (etf_take_integer(d->reader, &integer)) {
    *value = mrb_fixnum_value(integer);
    return true;
  }
  if (etf_take_binary(d->reader, &bytes, &length)) {
    *value = mrb_str_new(d->mrb, (const char *)bytes, (mrb_int)length);
    return true;
  }
  return take_known_atom(d, value);
}

/* Tells the collector that the object has this value now. */
static inline void note_value(struct decoder *d, struct RBasic *object, mrb_value value)
{
#if MRUBY_RELEASE_NO / 100 == 303
  if (object->color != 4) return; /* GC_BLACK in mruby's gc.c: else it looks at the object later */
#endif
  if (!mrb_immediate_p(value)) mrb_field_write_barrier(d->mrb, object, mrb_basic_ptr(value));
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
  note_value(d, (struct RBasic *)a, value);
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
static inline __attribute__((always_inline)) uint64_t beginning(const struct decoder *d,
                                                                const uint8_t *bytes, size_t length)
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

/* mrb_hash_set looks at all keys that are there already. What follows does not.
 *
 * room: where the pairs of a Hash are that has `count` of them, if they are just one behind the other and there is
 * room for more, `most` in all; else NULL, and mrb_hash_set must do it. It stays there as long as no method of
 * Ruby runs. put_pair: the next one, whose key is none of them. */
struct hash_entry;
static inline struct hash_entry *room(mrb_value hash, uint32_t count, uint32_t most);
static inline void put_pair(struct decoder *d, mrb_value hash, struct hash_entry *pairs,
                            uint32_t count, mrb_value key, mrb_value value);
static inline bool is_among(const struct hash_entry *pairs, uint32_t count, mrb_value key);

#if MRUBY_RELEASE_NO / 100 == 303 /* of that release; others were not looked at */

/* As in mruby's hash.c: a Hash of at most 16 pairs has them one behind the other, as they came. */
struct hash_entry {
  mrb_value key, value;
};

static inline struct hash_entry *room(mrb_value hash, uint32_t count, uint32_t most)
{
  struct RHash *h = mrb_hash_ptr(hash);
  bool is_plain = !(h->flags & MRB_HASH_HT) && h->size == count && h->ea_n_used == count;
  return is_plain && h->ea_capa >= most ? h->hsh.ea : NULL;
}

static inline void put_pair(struct decoder *d, mrb_value hash, struct hash_entry *pairs,
                            uint32_t count, mrb_value key, mrb_value value)
{
  struct RHash *h = mrb_hash_ptr(hash);
  pairs[count] = (struct hash_entry){key, value};
  h->size = h->ea_n_used = count + 1;
  note_value(d, (struct RBasic *)h, key);
  note_value(d, (struct RBasic *)h, value);
}

static inline bool is_among(const struct hash_entry *pairs, uint32_t count, mrb_value key)
{
  bool found = false;
  for (uint32_t i = 0; i < count; i++) found |= pairs[i].key.w == key.w;
  return found;
}

#else

static inline struct hash_entry *room(mrb_value hash, uint32_t count, uint32_t most)
{
  (void)hash;
  (void)count;
  (void)most;
  return NULL;
}

static inline void put_pair(struct decoder *d, mrb_value hash, struct hash_entry *pairs,
                            uint32_t count, mrb_value key, mrb_value value)
{
  (void)pairs;
  (void)count;
  mrb_hash_set(d->mrb, hash, key, value);
}

static inline bool is_among(const struct hash_entry *pairs, uint32_t count, mrb_value key)
{
  (void)pairs;
  (void)count;
  (void)key;
  return true;
}

#endif

/* The next pair, of a key of which goes_on knows that it is none of the Strings. False: it is not done. */
static bool append_pair(struct decoder *d, mrb_value hash, uint32_t count, mrb_value key,
                        mrb_value value)
{
  struct hash_entry *pairs = room(hash, count, count + 1);
  if (!pairs || (mrb_immediate_p(key) && is_among(pairs, count, key))) return false;
  put_pair(d, hash, pairs, count, key, value);
  return true;
}

/* The value of this key, which may be forgotten by others in the value. */
static mrb_value decode_value(struct decoder *d, mrb_value key)
{
  mrb_value value;
  struct etf_item item;
  if (take_simple(d, &value)) return value;
  mrb_gc_protect(d->mrb, key);
  next(d, &item);
  return decode_item(d, &item);
}

/* The next key. `lasting`: it is one that a pattern may have. */
static mrb_value decode_key(struct decoder *d, struct keys *keys, bool *lasting)
{
  struct etf_item item;
  mrb_value key;
  if (etf_take_binary(d->reader, &item.bytes, &item.length)) {
    keys->known = keys->known && goes_on(d, keys, item.bytes, item.length);
    *lasting = item.length > 0 && item.length <= TERM_NAME_BYTES;
    return term_names_string(d->mrb, d->types->names, item.bytes, item.length);
  }
  *lasting = true;
  if (take_known_atom(d, &key)) return key;
  next(d, &item);
  key = decode_item(d, &item);
  *lasting = mrb_immediate_p(key);
  keys->known = keys->known && *lasting;
  bool quiet = item.kind == ETF_INTEGER || item.kind == ETF_FLOAT || item.kind == ETF_ATOM;
  d->called = d->called || !quiet;
  return key;
}

/* --- patterns --- */

/* Where a map of so many pairs, which has been entered, has its pattern. NULL: nowhere. The outermost term has
 * no other beside it. */
static struct pattern *pattern_of(struct decoder *d, uint32_t count)
{
  uint32_t place = 2 * d->maps + (count & 1);
  bool outermost = d->depth + 1 == term_depth(d->context);
  if (outermost || d->maps >= PATTERN_LEVELS || count > PATTERN_KEYS) return NULL;
  if (!(d->patterned & 1u << place)) d->patterns[place].count = 0;
  d->patterned |= 1u << place;
  return &d->patterns[place];
}

/* Does the next term begin with these bytes? */
static inline bool comes(const struct decoder *d, const uint8_t *bytes, size_t length)
{
  const uint8_t *at = d->reader->at;
  uint64_t a, b, c, e;
  uint32_t p, q, r, t;
  if (length > (size_t)(d->reader->end - at)) return false;
  if (length >= sizeof a && length <= 2 * sizeof a) {
    memcpy(&a, at, sizeof a);
    memcpy(&b, bytes, sizeof b);
    memcpy(&c, at + length - sizeof c, sizeof c);
    memcpy(&e, bytes + length - sizeof e, sizeof e);
    return a == b && c == e;
  }
  if (length >= sizeof p && length < sizeof a) {
    memcpy(&p, at, sizeof p);
    memcpy(&q, bytes, sizeof q);
    memcpy(&r, at + length - sizeof r, sizeof r);
    memcpy(&t, bytes + length - sizeof t, sizeof t);
    return p == q && r == t;
  }
  return memcmp(at, bytes, length) == 0;
}

/* Decodes as many pairs as have the same keys as the last map of this kind; how many that were, goes to
 * *known. Equal bytes are equal keys, and those of a pattern differ from each other. False: methods of Ruby
 * have run, and who knows what the Hash is like now. */
static bool decode_known_pairs(struct decoder *d, mrb_value hash, const struct pattern *pattern,
                               uint32_t count, uint32_t *known)
{
  const uint64_t *forgotten = term_names_forgotten(d->types->names);
  struct hash_entry *pairs = room(hash, 0, count);
  uint32_t most = count < pattern->count ? count : pattern->count, i = 0;
  int arena = mrb_gc_arena_save(d->mrb);
  if (!pairs) most = 0;
  while (i < most && *forgotten == pattern->forgotten) {
    const struct known_key *key = &pattern->keys[i];
    mrb_value value;
    int32_t integer;
    if (!comes(d, key->bytes, key->length)) break;
    d->reader->at += key->length;
    d->promised -= 2;
    if (etf_take_integer(d->reader, &integer)) {
      value = mrb_fixnum_value(integer);
    } else {
      value = decode_value(d, key->value);
      if (d->called) {
        mrb_hash_set(d->mrb, hash, key->value, value);
        mrb_gc_arena_restore(d->mrb, arena);
        *known = i + 1;
        return false;
      }
      mrb_gc_arena_restore(d->mrb, arena); /* nothing is allocated before the Hash has it */
    }
    put_pair(d, hash, pairs, i++, key->value, value);
  }
  tick(d, 2 * i);
  *known = i;
  return true;
}

/* What is known after that. */
static struct keys keys_of(struct decoder *d, const struct pattern *pattern, uint32_t count)
{
  struct keys keys = {.known = true};
  for (uint32_t i = count; i > 0; i--) {
    const struct known_key *key = &pattern->keys[i - 1];
    struct etf_reader reader = {key->bytes, key->bytes + key->length};
    if (!etf_take_binary(&reader, &keys.last, &keys.last_length)) continue;
    keys.last_begin = beginning(d, keys.last, keys.last_length);
    break;
  }
  return keys;
}

/* The next key of the pattern, if all before it are there. */
static void remember_key(struct decoder *d, struct pattern *pattern, uint32_t i,
                         const struct known_key *key)
{
  if (pattern->count != i || *term_names_forgotten(d->types->names) != pattern->forgotten) return;
  pattern->keys[i] = *key;
  pattern->count = i + 1;
}

/* --- */

/* Decodes the pairs from `first` on. The pattern, if there is one, has the keys before. */
static void decode_pairs(struct decoder *d, mrb_value hash, struct pattern *pattern, uint32_t first,
                         uint32_t count, struct keys *keys)
{
  int arena = mrb_gc_arena_save(d->mrb);
  if (pattern) pattern->count = first;
  if (pattern && first == 0) pattern->forgotten = *term_names_forgotten(d->types->names);
  for (uint32_t i = first; i < count; i++) {
    struct known_key key = {.bytes = d->reader->at};
    bool lasting;
    int32_t integer;
    d->promised--;
    key.value = decode_key(d, keys, &lasting);
    key.length = (size_t)(d->reader->at - key.bytes);
    d->promised--;
    mrb_value value = etf_take_integer(d->reader, &integer) ? mrb_fixnum_value(integer)
                                                            : decode_value(d, key.value);
    keys->known = keys->known && !d->called && append_pair(d, hash, i, key.value, value);
    if (!keys->known)
      mrb_hash_set(d->mrb, hash, key.value, value);
    else if (pattern && lasting)
      remember_key(d, pattern, i, &key);
    if (d->mrb->gc.arena_idx != arena) mrb_gc_arena_restore(d->mrb, arena);
    tick(d, 2 + i / PAIRS_A_TICK);
  }
}

static mrb_value decode_map(struct decoder *d, const struct etf_item *item)
{
  uint32_t count = item->count, known = 0;
  struct keys keys = {.known = true};
  enter(d, item);
  mrb_value hash = mrb_hash_new_capa(d->mrb, count);
  struct pattern *pattern = pattern_of(d, count);
  d->maps++;
  if (pattern && pattern->count > 0 && !d->called) {
    bool appended = decode_known_pairs(d, hash, pattern, count, &known);
    if (known < count) keys = keys_of(d, pattern, known);
    keys.known = appended;
  }
  if (known < count) decode_pairs(d, hash, pattern, known, count, &keys);
  d->maps--;
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
  mrb_value value;
  if (take_simple(d, &value)) return value;
  next(d, &item);
  return decode_item(d, &item);
}

mrb_value term_decode(mrb_state *mrb, struct etf_reader *reader, const struct term_context *context)
{
  int32_t integer;
  if (etf_take_integer(reader, &integer)) return mrb_fixnum_value(integer);
  struct pattern patterns[PATTERNS]; /* what is in them is what d.patterned says */
  struct decoder d = {
      .mrb = mrb,
      .patterns = patterns,
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
