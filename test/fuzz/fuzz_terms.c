/* Bytes of terms, to Ruby and back, and compared.
 *
 * Promised and checked:
 *  - the reader takes a term for whole or not in every one of its functions alike;
 *  - a term is equal to itself; of two, each is equal to the other or neither is, and those that are
 *    equal have the same hash (but for maps with a key twice, which Erlang never makes);
 *  - what becomes a value of Ruby is a whole term, and becomes a term again unless it is refused; that is
 *    the one it was (`same`, which knows nothing of etf_equal), and a second round gives the same bytes;
 *  - what is refused, is so with Erlang::TermError, and nothing is left in mruby's arena.
 *
 * The input: one byte (1: with the garbage collector), then two terms, one behind the other, without a
 * version. Both are compared, the first one goes to Ruby. */
#include "converter.h"
#include "harness.h"

#include <stdlib.h>
#include <string.h>

/* --- are they the same term? --- */

static bool same(struct etf_reader *a, struct etf_reader *b);

/* The elements of a list, whether it was written as one list, cons by cons, or as a string. */
struct elements {
  struct etf_reader *reader;
  struct etf_item part;
  uint32_t at; /* within the part */
};

/* Is there one more? Then *number is it, if it comes from a string; else it is next in the reader. */
static bool more_elements(struct elements *list, int *number)
{
  *number = -1;
  for (;;) {
    switch (list->part.kind) {
    case ETF_STRING:
      if (list->at == list->part.length) return false;
      *number = list->part.bytes[list->at++];
      return true;
    case ETF_LIST:
      if (list->at++ < list->part.count) return true;
      must(etf_next(list->reader, &list->part) == STATUS_OK);
      list->at = 0;
      break;
    default: return false; /* ETF_NIL */
    }
  }
}

static int small_integer(struct etf_reader *reader)
{
  struct etf_item item;
  must(etf_next(reader, &item) == STATUS_OK);
  return item.kind == ETF_INTEGER && item.integer >= 0 && item.integer < 256 ? (int)item.integer
                                                                             : -2;
}

/* Map keys that Ruby takes for the same one: `a` has more pairs then. From there on nothing is compared. */
static bool lost_keys;

static bool same_lists(struct elements a, struct elements b)
{
  for (;;) {
    int of_a, of_b;
    bool more = more_elements(&a, &of_a);
    if (more_elements(&b, &of_b) != more) return false;
    if (!more) return true;
    if (of_a < 0 && of_b < 0) {
      if (!same(a.reader, b.reader)) return false;
      if (lost_keys) return true;
    } else {
      if (of_a < 0) of_a = small_integer(a.reader);
      if (of_b < 0) of_b = small_integer(b.reader);
      if (of_a != of_b) return false;
    }
  }
}

static bool same_atoms(const struct etf_item *a, const struct etf_item *b)
{
  uint8_t text[2 * ETF_ATOM_CHARACTERS];
  must(!b->latin1); /* we don't write such */
  if (!a->latin1) return a->length == b->length && memcmp(a->bytes, b->bytes, a->length) == 0;
  size_t length = etf_latin1_to_utf8(a->bytes, a->length, text);
  return length == b->length && memcmp(text, b->bytes, length) == 0;
}

static bool is_list(const struct etf_item *item)
{
  return item->kind == ETF_LIST || item->kind == ETF_NIL || item->kind == ETF_STRING;
}

/* `a` was read, `b` is what came of it. Pairs of a map keep their order. */
static bool same(struct etf_reader *a, struct etf_reader *b)
{
  struct etf_item of_a, of_b;
  must(etf_next(a, &of_a) == STATUS_OK && etf_next(b, &of_b) == STATUS_OK);
  if (is_list(&of_a) && is_list(&of_b))
    return same_lists((struct elements){a, of_a, 0}, (struct elements){b, of_b, 0});
  if (of_a.kind != of_b.kind) return false;
  switch (of_a.kind) {
  case ETF_INTEGER: return of_a.integer == of_b.integer;
  case ETF_FLOAT: return memcmp(&of_a.number, &of_b.number, sizeof of_a.number) == 0;
  case ETF_ATOM: return same_atoms(&of_a, &of_b);
  case ETF_BIG:
    if (of_a.negative != of_b.negative) return false; /* fall through */
  case ETF_BINARY:
  case ETF_PID:
  case ETF_PORT:
  case ETF_REFERENCE:
  case ETF_FUN:
    return of_a.length == of_b.length && memcmp(of_a.bytes, of_b.bytes, of_a.length) == 0;
  case ETF_TUPLE:
  case ETF_MAP:
    if (of_a.kind == ETF_MAP && of_a.count > of_b.count) lost_keys = true;
    if (lost_keys) return true;
    if (of_a.count != of_b.count) return false;
    for (uint64_t i = etf_children(&of_a); i > 0 && !lost_keys; i--)
      if (!same(a, b)) return false;
    return true;
  case ETF_BITSTRING:
  case ETF_STRING:
  case ETF_NIL:
  case ETF_LIST: break;
  }
  return false;
}

/* --- to Ruby and back --- */

static void round_trip(const uint8_t *bytes, size_t length)
{
  struct etf_reader reader = {bytes, bytes + length}, whole = reader;
  mrb_value value;
  enum status status = etf_skip(&whole);
  if (!to_ruby(&reader, &value)) return;
  must(status == STATUS_OK && reader.at == whole.at);
  if (!to_erlang(value)) return;
  const struct buffer *out = &converter.out;
  struct etf_reader before = {bytes, whole.at}, after = {out->bytes, out->bytes + out->length};
  lost_keys = false;
  must(same(&before, &after));
  must(lost_keys || (before.at == before.end && after.at == after.end));
  check_written();
}

/* --- without Ruby --- */

/* The length of the term at the front, 0 if there is none. */
static size_t one_term(const uint8_t *bytes, size_t length)
{
  struct etf_reader reader = {bytes, bytes + length};
  bool whole = etf_skip(&reader) == STATUS_OK;
  size_t of_term = whole ? (size_t)(reader.at - bytes) : 0;
  uint8_t *versioned = malloc(length + 1);
  must(versioned != NULL);
  versioned[0] = 131;
  if (length > 0) memcpy(versioned + 1, bytes, length);
  must((etf_check(versioned, length + 1) == STATUS_OK) == (whole && of_term == length));
  if (whole) must(etf_check(versioned, of_term + 1) == STATUS_OK);
  free(versioned);
  return of_term;
}

/* Is there a map in it that has the same key twice? Steps over the term. */
static bool has_twins(struct etf_reader *reader)
{
  struct etf_item item;
  bool twins = false;
  must(etf_next(reader, &item) == STATUS_OK);
  if (item.kind != ETF_MAP) {
    for (uint64_t i = etf_children(&item); i > 0; i--) twins |= has_twins(reader);
    return twins;
  }
  struct etf_reader first = *reader;
  for (uint32_t i = 0; i < item.count; i++) {
    const uint8_t *key = reader->at;
    twins |= has_twins(reader);
    size_t length = (size_t)(reader->at - key);
    struct etf_reader other = {first.at, key};
    for (uint32_t j = 0; j < i; j++) {
      const uint8_t *start = other.at;
      bool equal = false;
      must(etf_skip(&other) == STATUS_OK);
      enum status status = etf_equal(start, (size_t)(other.at - start), key, length, &equal);
      twins |= status == STATUS_OK && equal;
      must(etf_skip(&other) == STATUS_OK);
    }
    twins |= has_twins(reader);
  }
  return twins;
}

static bool term_has_twins(const uint8_t *bytes, size_t length)
{
  struct etf_reader reader = {bytes, bytes + length};
  return has_twins(&reader);
}

static void compare(const uint8_t *a, size_t a_length, const uint8_t *b, size_t b_length)
{
  bool equal = false, equal_too = true;
  uint64_t hash_a, hash_b;
  enum status status = etf_equal(a, a_length, b, b_length, &equal);
  enum status other = etf_equal(b, b_length, a, a_length, &equal_too);
  if (status ||
      other) { /* maps that are too deep, or too much to look at; maybe in one order only */
    must(!status || status == STATUS_TOO_LARGE);
    must(!other || other == STATUS_TOO_LARGE);
    return;
  }
  if (a == b) must(equal && equal_too);
  if (term_has_twins(a, a_length) || term_has_twins(b, b_length)) return;
  must(equal == equal_too);
  status = etf_hash(a, a_length, 7, &hash_a);
  other = etf_hash(b, b_length, 7, &hash_b);
  must(!status || status == STATUS_TOO_LARGE);
  if (equal && !status && !other) must(hash_a == hash_b);
}

static void read_terms(const uint8_t *bytes, size_t length)
{
  size_t first = one_term(bytes, length);
  if (first > 0) {
    size_t second = one_term(bytes + first, length - first);
    compare(bytes, first, bytes, first);
    if (second > 0) compare(bytes, first, bytes + first, second);
  }
  round_trip(bytes, length);
}

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
  (void)count;
  (void)arguments;
  converter_start(NULL);
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct input input = {data, data + size};
  converter_begin(input_byte(&input) & 1);
  size_t length = input_left(&input);
  uint8_t *bytes = fuzz_copy(input.at, length);
  read_terms(bytes, length);
  free(bytes);
  converter_end();
  return 0;
}
