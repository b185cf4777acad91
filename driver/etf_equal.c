/* Equality and a hash of encoded terms, to find map keys that Erlang would take for the same one:
 * a term with such a map in it can't be sent to Erlang at all.
 *
 * Guarantees: no allocation; etf_hash takes time linear in the bytes, etf_equal too unless maps
 * have their pairs in another order, and gives up before that takes long; recursion only for maps
 * in maps, to ETF_MAP_DEPTH. Thread: any.
 */
#include "etf.h"
#include "hash.h"

#include <string.h>

/* How many items etf_equal looks at before it gives up: a few milliseconds' worth. */
#define EQUAL_STEPS 50000

/* So many bytes, compared or stepped over, count as one item more. */
#define BYTES_A_STEP 256

/* --- Equality ------------------------------------------------------------------------------- */

struct comparison {
  uint32_t steps; /* that are left */
  uint32_t depth; /* maps that are open */
};

static bool same_bytes(const struct etf_item *a, const struct etf_item *b)
{
  return a->length == b->length && memcmp(a->bytes, b->bytes, a->length) == 0;
}

static bool same_atom(const struct etf_item *a, const struct etf_item *b)
{
  /* Latin-1 stands only inside of pids and the like, and what is flagged isn't ASCII. */
  return a->latin1 == b->latin1 && same_bytes(a, b);
}

__attribute__((noinline)) static bool same_identity(const struct etf_item *a,
                                                    const struct etf_item *b)
{
  struct etf_identity of_a, of_b;
  if (same_bytes(a, b)) return true;
  etf_identify(a, &of_a);
  etf_identify(b, &of_b);
  return of_a.creation == of_b.creation && of_a.count == of_b.count &&
         memcmp(of_a.words, of_b.words, of_a.count * sizeof *of_a.words) == 0 &&
         of_a.node_length == of_b.node_length &&
         memcmp(of_a.node, of_b.node, of_a.node_length) == 0;
}

/* Are two items the same, as far as one can tell without what follows them? */
static bool same_item(const struct etf_item *a, const struct etf_item *b)
{
  if (a->kind != b->kind) return false;
  switch (a->kind) {
  case ETF_INTEGER: return a->integer == b->integer;
  case ETF_BIG: return a->negative == b->negative && same_bytes(a, b);
  case ETF_FLOAT: return a->number <= b->number && a->number >= b->number; /* never NaN */
  case ETF_ATOM: return same_atom(a, b);
  case ETF_BINARY:
  case ETF_STRING:
  case ETF_FUN: return same_bytes(a, b);
  case ETF_BITSTRING: return a->bits == b->bits && same_bytes(a, b);
  case ETF_NIL: return true;
  case ETF_LIST:
  case ETF_TUPLE:
  case ETF_MAP: return a->count == b->count;
  case ETF_PID:
  case ETF_PORT:
  case ETF_REFERENCE: return same_identity(a, b);
  }
  return false;
}

static enum status same_maps(struct comparison *comparison, struct etf_reader *a,
                             struct etf_reader *b, uint32_t count, bool *equal);

/* Counts the steps that it took to come from `start` to `end`. */
static enum status charge(struct comparison *comparison, const uint8_t *start, const uint8_t *end)
{
  size_t steps = 1 + (size_t)(end - start) / BYTES_A_STEP;
  if (steps > comparison->steps) return STATUS_TOO_LARGE;
  comparison->steps -= (uint32_t)steps;
  return STATUS_OK;
}

/* Compares `count` terms with `count` others. The readers stand behind them if they are equal. */
static enum status same_terms(struct comparison *comparison, struct etf_reader *a,
                              struct etf_reader *b, uint64_t count, bool *equal)
{
  struct etf_item of_a, of_b;
  for (; count > 0; count--) {
    const uint8_t *start = a->at;
    enum status status = etf_next(a, &of_a);
    if (!status) status = etf_next(b, &of_b);
    if (!status) status = charge(comparison, start, a->at);
    if (status) return status;
    *equal = same_item(&of_a, &of_b);
    if (*equal && of_a.kind == ETF_MAP) {
      status = same_maps(comparison, a, b, of_a.count, equal);
      if (status) return status;
    } else {
      count += etf_children(&of_a);
    }
    if (!*equal) return STATUS_OK;
  }
  *equal = true;
  return STATUS_OK;
}

/* Steps over a pair, and counts what that costs. */
static enum status skip_pair(struct comparison *comparison, struct etf_reader *reader)
{
  const uint8_t *start = reader->at;
  enum status status = etf_skip(reader);
  if (!status) status = etf_skip(reader);
  return status ? status : charge(comparison, start, reader->at);
}

/* Looks at the pair at `b`: is its key the one at `a`, and then its value too? If the keys are the
 * same, *a and *b are moved behind the pairs. */
static enum status same_pair(struct comparison *comparison, struct etf_reader *a,
                             struct etf_reader *b, bool *same_key, bool *equal)
{
  struct etf_reader of_a = *a, of_b = *b;
  enum status status = same_terms(comparison, &of_a, &of_b, 1, same_key);
  if (status || !*same_key) return status;
  status = same_terms(comparison, &of_a, &of_b, 1, equal);
  *a = of_a;
  *b = of_b;
  return status;
}

/* Two maps of `count` pairs each, whose first pairs the readers stand at. Tries the pairs in the
 * same order first, and then each of the other's. */
static enum status same_maps(struct comparison *comparison, struct etf_reader *a,
                             struct etf_reader *b, uint32_t count, bool *equal)
{
  struct etf_reader first = *b, next = *b;
  uint32_t index = 0; /* of the pair at `next` */
  enum status status = STATUS_OK;
  *equal = true;
  if (comparison->depth >= ETF_MAP_DEPTH) return STATUS_TOO_LARGE;
  comparison->depth++;
  for (uint32_t done = 0; done < count && *equal && !status; done++) {
    bool same_key = false;
    if (index < count) status = same_pair(comparison, a, &next, &same_key, equal);
    if (same_key) {
      index++;
      continue;
    }
    struct etf_reader other = first;
    for (uint32_t i = 0; i < count && !same_key && !status; i++) {
      struct etf_reader at = other;
      status = same_pair(comparison, a, &at, &same_key, equal);
      if (!status) status = skip_pair(comparison, &other);
      if (same_key) next = at, index = i + 1;
    }
    if (!same_key) *equal = false;
  }
  comparison->depth--;
  for (; index < count && *equal && !status; index++) status = skip_pair(comparison, &next);
  *b = next;
  return status;
}

enum status etf_equal(const uint8_t *a, size_t a_length, const uint8_t *b, size_t b_length,
                      bool *equal)
{
  struct etf_reader of_a = {a, a + a_length}, of_b = {b, b + b_length};
  struct comparison comparison = {EQUAL_STEPS, 0};
  if (a_length == b_length && memcmp(a, b, a_length) == 0) {
    *equal = true;
    return STATUS_OK;
  }
  bool result = false;
  enum status status = same_terms(&comparison, &of_a, &of_b, 1, &result);
  if (!status) *equal = result;
  return status;
}

/* --- Hash ----------------------------------------------------------------------------------- */

__attribute__((noinline)) static uint64_t hash_identity(uint64_t hash, const struct etf_item *item)
{
  struct etf_identity identity;
  etf_identify(item, &identity);
  hash = hash_word(hash_word(hash, identity.creation), identity.count);
  for (size_t i = 0; i < identity.count; i++) hash = hash_word(hash, identity.words[i]);
  return hash_bytes(hash, identity.node, identity.node_length);
}

static uint64_t hash_item(uint64_t hash, const struct etf_item *item)
{
  uint64_t word;
  double number;
  hash = hash_word(hash, (uint64_t)item->kind);
  switch (item->kind) {
  case ETF_INTEGER: return hash_word(hash, (uint64_t)item->integer);
  case ETF_FLOAT:
    number = item->number + 0.0; /* -0.0 becomes 0.0 */
    memcpy(&word, &number, sizeof word);
    return hash_word(hash, word);
  case ETF_BIG: return hash_bytes(hash_word(hash, item->negative), item->bytes, item->length);
  case ETF_ATOM: return hash_bytes(hash_word(hash, item->latin1), item->bytes, item->length);
  case ETF_BITSTRING: return hash_bytes(hash_word(hash, item->bits), item->bytes, item->length);
  case ETF_BINARY:
  case ETF_STRING:
  case ETF_FUN: return hash_bytes(hash, item->bytes, item->length);
  case ETF_NIL: return hash;
  case ETF_LIST:
  case ETF_TUPLE:
  case ETF_MAP: return hash_word(hash, item->count);
  case ETF_PID:
  case ETF_PORT:
  case ETF_REFERENCE: return hash_identity(hash, item);
  }
  return hash;
}

/* Hashes `count` terms into *hash. A map's pairs are hashed each on its own and added up, so that
 * their order makes no difference. */
static enum status hash_terms(struct etf_reader *reader, uint64_t count, uint32_t depth,
                              uint64_t *hash)
{
  struct etf_item item;
  for (; count > 0; count--) {
    enum status status = etf_next(reader, &item);
    if (status) return status;
    *hash = hash_item(*hash, &item);
    if (item.kind != ETF_MAP) {
      count += etf_children(&item);
      continue;
    }
    if (depth >= ETF_MAP_DEPTH) return STATUS_TOO_LARGE;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < item.count; i++) {
      uint64_t pair = *hash;
      status = hash_terms(reader, 2, depth + 1, &pair);
      if (status) return status;
      sum += pair;
    }
    *hash = hash_word(*hash, sum);
  }
  return STATUS_OK;
}

enum status etf_hash(const uint8_t *bytes, size_t length, uint64_t seed, uint64_t *hash)
{
  struct etf_reader reader = {bytes, bytes + length};
  uint64_t result = hash_word(seed, UINT64_C(0xA0761D6478BD642F));
  enum status status = hash_terms(&reader, 1, 0, &result);
  if (!status) *hash = result;
  return status;
}
