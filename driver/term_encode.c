/* Values of Ruby as terms of Erlang.
 *
 * Guarantees: the type of a value decides, not its methods, so redefining a core method changes
 * nothing; the one method that is called is to_erl, on objects that Erlang has no form for. It may
 * do anything, so wherever one may have run, sizes are looked at anew, pointers are fetched anew,
 * and a container that changed meanwhile is an error: counts that have been written stay right. The
 * C stack is bounded by the depth, and no memory is held that an exception would leak. Thread: the
 * interpreter's, on the stack of its job.
 */
#include "term.h"
#include "term_big.h"
#include "term_types.h"

#include <mruby/array.h>
#include <mruby/hash.h>
#include <mruby/string.h>

#include <math.h>
#include <string.h>

struct encoder {
  mrb_state *mrb;
  struct buffer *out;
  const struct term_context *context;
  const struct term_types *types;
  uint32_t depth; /* levels that may still be opened */
  uint32_t ticks; /* elements until the next checkpoint */
};

static void encode(struct encoder *e, mrb_value value);

/* --- Errors --------------------------------------------------------------------------------- */

static mrb_noreturn void fail(const struct encoder *e, const char *message)
{
  mrb_raise(e->mrb, e->types->term_error, message);
}

static mrb_noreturn void fail_buffer(const struct encoder *e)
{
  if (e->out->status == STATUS_NO_MEMORY) fail(e, "there is no memory for the term");
  mrb_raisef(e->mrb, e->types->term_error, "the term has more than %i bytes",
             (mrb_int)e->out->limit);
}

static void fail_changed(const struct encoder *e)
{
  fail(e, "an object was changed by a to_erl while it was converted");
}

static void tick(struct encoder *e)
{
  if (e->out->status) fail_buffer(e);
  if (--e->ticks > 0) return;
  e->ticks = TERM_CHECKPOINT;
  if (e->context->checkpoint) e->context->checkpoint(e->context->checkpoint_data);
}

/* --- Atoms ---------------------------------------------------------------------------------- */

static void admit(struct encoder *e, mrb_sym symbol, const uint8_t *name, size_t length)
{
  struct atoms *atoms = e->context->atoms;
  struct atoms_figures figures;
  enum status status = atoms ? atoms_admit(atoms, name, length) : etf_check_atom(name, length);
  switch (status) {
  case STATUS_OK:
    if (atoms) atoms_remember(e->context->cache, symbol);
    return;
  case STATUS_MALFORMED: fail(e, "a Symbol that isn't UTF-8 can't be an atom; make it a String");
  case STATUS_UNSUPPORTED:
    fail(e, "a Symbol of more than 255 characters can't be an atom; make it a String");
  case STATUS_TOO_LARGE:
    atoms_figures(atoms, &figures);
    mrb_raisef(e->mrb, e->types->term_error,
               "%v would be an atom more than the %i that Ruby may make; make it a String",
               mrb_symbol_value(symbol), (mrb_int)figures.limit);
  case STATUS_TRUNCATED:
  case STATUS_NO_MEMORY: fail(e, "there is no memory for an atom");
  }
}

static void encode_symbol(struct encoder *e, mrb_sym symbol)
{
  mrb_int length;
  const char *name = mrb_sym_name_len(e->mrb, symbol, &length);
  if (!e->context->atoms || !atoms_seen(e->context->cache, symbol))
    admit(e, symbol, (const uint8_t *)name, (size_t)length);
  etf_put_atom(e->out, name, (size_t)length);
}

static void encode_float(struct encoder *e, double number)
{
  if (isnan(number)) fail(e, "NaN has no form in Erlang");
  if (isinf(number)) fail(e, "an infinite Float has no form in Erlang");
  etf_put_float(e->out, number);
}

/* --- Containers ----------------------------------------------------------------------------- */

static void enter(struct encoder *e)
{
  if (e->depth == 0) {
    mrb_raisef(e->mrb, e->types->term_error,
               "nested deeper than %i levels (does something contain itself?)",
               (mrb_int)term_depth(e->context));
  }
  e->depth--;
}

static void check_count(const struct encoder *e, mrb_int count)
{
  if ((uint64_t)count > UINT32_MAX) fail(e, "more elements than a term can have");
}

static void encode_array(struct encoder *e, mrb_value value)
{
  mrb_int count = RARRAY_LEN(value);
  bool tuple = tuple_is(e->mrb, e->types, value);
  if (count == 0 && !tuple) {
    etf_put_nil(e->out);
    return;
  }
  enter(e);
  check_count(e, count);
  if (tuple)
    etf_put_tuple(e->out, (uint32_t)count);
  else
    etf_put_list(e->out, (uint32_t)count);
  int arena = mrb_gc_arena_save(e->mrb);
  mrb_gc_protect(e->mrb, value); /* a to_erl might take it out of where it is */
  for (mrb_int i = 0; i < count; i++) {
    if (RARRAY_LEN(value) != count) fail_changed(e);
    encode(e, RARRAY_PTR(value)[i]);
    tick(e);
  }
  mrb_gc_arena_restore(e->mrb, arena);
  if (!tuple) etf_put_nil(e->out);
  e->depth++;
}

/* Can two keys that Ruby holds apart be the same term? Not two of these, which have a form each of
 * their own: small integers, strings, symbols. What else there is may meet them or each other:
 * true and :true, an object and what its to_erl gives. */
static bool is_plain_key(mrb_value key)
{
  return mrb_fixnum_p(key) || mrb_symbol_p(key) || mrb_string_p(key);
}

/* Is it converted without a method being called? */
static bool is_flat(mrb_value value)
{
  return mrb_immediate_p(value) || mrb_string_p(value) || mrb_float_p(value) ||
         mrb_integer_p(value);
}

struct pairs {
  struct encoder *e;
  bool flat;  /* so far, all of them */
  bool plain; /* so far, all keys */
};

static void encode_pair(struct pairs *pairs, mrb_value key, mrb_value value)
{
  pairs->plain = pairs->plain && is_plain_key(key);
  encode(pairs->e, key);
  tick(pairs->e);
  encode(pairs->e, value);
  tick(pairs->e);
}

static int encode_flat_pair(mrb_state *mrb, mrb_value key, mrb_value value, void *data)
{
  struct pairs *pairs = data;
  (void)mrb;
  pairs->flat = is_flat(key) && is_flat(value);
  if (pairs->flat) encode_pair(pairs, key, value);
  return !pairs->flat;
}

/* Walks over copies of the keys and values: mrb_hash_foreach must not be used where the hash may
 * change. */
static void encode_pairs(struct pairs *pairs, mrb_value hash, mrb_int count)
{
  mrb_state *mrb = pairs->e->mrb;
  mrb_value keys = mrb_hash_keys(mrb, hash), values = mrb_hash_values(mrb, hash);
  int arena = mrb_gc_arena_save(mrb);
  for (mrb_int i = 0; i < count; i++) {
    if (RARRAY_LEN(keys) != count || RARRAY_LEN(values) != count) fail_changed(pairs->e);
    mrb_value key = RARRAY_PTR(keys)[i], value = RARRAY_PTR(values)[i];
    mrb_gc_protect(mrb, value);
    encode_pair(pairs, key, value);
    mrb_gc_arena_restore(mrb, arena);
  }
}

static void check_keys(struct encoder *e, size_t start, mrb_int count);

static void encode_hash(struct encoder *e, mrb_value value)
{
  mrb_state *mrb = e->mrb;
  mrb_int count = mrb_hash_size(mrb, value);
  struct pairs pairs = {e, true, true};
  enter(e);
  check_count(e, count);
  etf_put_map(e->out, (uint32_t)count);
  size_t start = e->out->length;
  int arena = mrb_gc_arena_save(mrb);
  mrb_gc_protect(mrb, value);
  if (count > 0) mrb_hash_foreach(mrb, mrb_hash_ptr(value), encode_flat_pair, &pairs);
  if (!pairs.flat) {
    e->out->length = start; /* begin again: not all that many are flat at first and not later */
    encode_pairs(&pairs, value, count);
  }
  if (e->out->status) fail_buffer(e);
  if (!pairs.plain && count > 1) check_keys(e, start, count);
  mrb_gc_arena_restore(mrb, arena);
  e->depth++;
}

/* --- Equal keys ----------------------------------------------------------------------------- */

struct key {
  uint64_t hash;
  size_t at; /* where it is in the buffer; 0: an empty place */
};

#define FEW_KEYS 32 /* places on the stack */

/* Is there among `keys` one that is the same term as `key`? Else it is added. */
static enum status find_or_add(struct encoder *e, struct key *keys, size_t places,
                               const struct key *key, size_t length, bool *found)
{
  const uint8_t *bytes = e->out->bytes, *end = bytes + e->out->length;
  size_t place = key->hash & (places - 1);
  *found = false;
  for (; keys[place].at != 0 && !*found; place = (place + 1) & (places - 1)) {
    if (keys[place].hash != key->hash) continue;
    const uint8_t *other = bytes + keys[place].at;
    struct etf_reader reader = {other, end};
    enum status status = etf_skip(&reader);
    if (!status)
      status = etf_equal(bytes + key->at, length, other, (size_t)(reader.at - other), found);
    if (status == STATUS_TOO_LARGE)
      *found = true; /* it would take long to tell; but the hashes are equal, after all */
    else if (status)
      return status;
  }
  if (!*found) keys[place] = *key;
  return STATUS_OK;
}

/* Looks for keys that are the same term in the map whose `count` pairs begin at `start`. Such a
 * map, and all that it is in, would be no term for the VM. */
__attribute__((noinline)) static void check_keys(struct encoder *e, size_t start, mrb_int count)
{
  struct key few[FEW_KEYS], *keys = few;
  size_t places = FEW_KEYS;
  while (places < (size_t)count / 2 * 3) places *= 2;
  if (places > FEW_KEYS) {
    /* A string of Ruby's, so that an exception leaves nothing behind. */
    mrb_value string = mrb_str_new(e->mrb, NULL, (mrb_int)(places * sizeof *keys));
    keys = (struct key *)(void *)RSTRING_PTR(string);
  }
  memset(keys, 0, places * sizeof *keys);
  struct etf_reader reader = {e->out->bytes + start, e->out->bytes + e->out->length};
  for (mrb_int i = 0; i < count; i++) {
    const uint8_t *bytes = reader.at;
    struct key key = {0, (size_t)(bytes - e->out->bytes)};
    bool found = false;
    enum status status = etf_skip(&reader);
    size_t length = (size_t)(reader.at - bytes);
    if (!status) status = etf_hash(bytes, length, (uintptr_t)e->out, &key.hash);
    if (!status) status = find_or_add(e, keys, places, &key, length, &found);
    if (!status) status = etf_skip(&reader);
    if (status) fail(e, "the keys of a Hash are too deep to compare");
    if (found) fail(e, "two keys of a Hash become the same term (as true and :true do)");
    tick(e);
  }
}

/* --- Values --------------------------------------------------------------------------------- */

static mrb_value call_to_erl(struct encoder *e, mrb_value value, unsigned calls)
{
  if (!mrb_respond_to(e->mrb, value, e->types->to_erl)) {
    mrb_raisef(e->mrb, e->types->term_error, "%T has no form in Erlang; give it a method to_erl",
               value);
  }
  if (calls == TERM_TO_ERL) {
    mrb_raisef(e->mrb, e->types->term_error, "to_erl of %T leads from object to object", value);
  }
  mrb_gc_protect(e->mrb, value);
  mrb_value result = mrb_funcall_argv(e->mrb, value, e->types->to_erl, 0, NULL);
  mrb_gc_protect(e->mrb, result);
  return result;
}

static void encode_big(struct encoder *e, mrb_value value)
{
  if (big_put(e->mrb, e->out, value, TERM_BIG_BYTES)) return;
  mrb_raisef(e->mrb, e->types->term_error, "an Integer of more than %i bytes",
             (mrb_int)TERM_BIG_BYTES);
}

/* False: it is an object that has no form of its own. */
static bool encode_known(struct encoder *e, mrb_value value)
{
  const struct opaque *opaque;
  switch (mrb_type(value)) {
  case MRB_TT_SYMBOL: encode_symbol(e, mrb_symbol(value)); return true;
  case MRB_TT_STRING:
    etf_put_binary(e->out, RSTRING_PTR(value), (size_t)RSTRING_LEN(value));
    return true;
  case MRB_TT_TRUE: etf_put_atom(e->out, "true", 4); return true;
  case MRB_TT_FALSE:
    if (mrb_nil_p(value))
      etf_put_atom(e->out, "nil", 3);
    else
      etf_put_atom(e->out, "false", 5);
    return true;
  case MRB_TT_INTEGER: etf_put_integer(e->out, mrb_integer(value)); return true;
  case MRB_TT_FLOAT: encode_float(e, mrb_float(value)); return true;
  case MRB_TT_BIGINT: encode_big(e, value); return true;
  case MRB_TT_ARRAY: encode_array(e, value); return true;
  case MRB_TT_HASH: encode_hash(e, value); return true;
  default: /* mruby's other types are many, and differ from version to version */
    opaque = opaque_of(e->mrb, value);
    if (opaque) etf_put_raw(e->out, opaque->bytes, opaque->length);
    return opaque != NULL;
  }
}

static void encode(struct encoder *e, mrb_value value)
{
  if (mrb_fixnum_p(value)) {
    etf_put_integer(e->out, mrb_fixnum(value));
    return;
  }
  int arena = mrb_gc_arena_save(e->mrb);
  for (unsigned calls = 0; !encode_known(e, value); calls++) value = call_to_erl(e, value, calls);
  mrb_gc_arena_restore(e->mrb, arena);
}

void term_encode(mrb_state *mrb, struct buffer *buffer, mrb_value value,
                 const struct term_context *context)
{
  struct encoder e = {
      .mrb = mrb,
      .out = buffer,
      .context = context,
      .types = context->types ? context->types : term_types(mrb),
      .depth = term_depth(context),
      .ticks = TERM_CHECKPOINT,
  };
  int arena = mrb_gc_arena_save(mrb);
  encode(&e, value);
  mrb_gc_arena_restore(mrb, arena);
  if (buffer->status) fail_buffer(&e);
}
