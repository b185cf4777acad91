/* The external term format as bytes: the reader.
 *
 * Why not libei: its ei_decode functions take no length and trust the bytes they are given, so they
 * can't read what may be hostile. The unit tests hold this reader against libei.
 *
 * Guarantees: nothing is read at or beyond `end`; time is linear in the bytes; no recursion and no
 * allocation. Thread: any.
 * Leaves out: compressed terms, and the tags that exist only between nodes.
 * What is accepted follows dec_term() in OTP's erts/emulator/beam/external.c.
 */
#include "etf.h"
#include "utf8.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FLOAT_TEXT 31

/* --- Bytes ---------------------------------------------------------------------------------- */

static uint64_t load64(const uint8_t *at)
{
  uint64_t value;
  memcpy(&value, at, sizeof value);
  return __builtin_bswap64(value);
}

static size_t left(const struct etf_reader *reader) { return (size_t)(reader->end - reader->at); }

/* Takes `count` bytes, or NULL if there are fewer. */
static const uint8_t *take(struct etf_reader *reader, size_t count)
{
  if (count > left(reader)) return NULL;
  const uint8_t *bytes = reader->at;
  reader->at += count;
  return bytes;
}

/* The size is a constant almost everywhere: inlined, the functions below become one load each. */
#define INLINE inline __attribute__((always_inline))

static INLINE uint64_t load(const uint8_t *at, size_t size)
{
  uint16_t two;
  uint32_t four;
  switch (size) {
  case 1: return at[0];
  case 2: memcpy(&two, at, sizeof two); return __builtin_bswap16(two);
  case 4: memcpy(&four, at, sizeof four); return __builtin_bswap32(four);
  default: return load64(at);
  }
}

/* Takes a big-endian number of 1, 2, 4 or 8 bytes. */
static INLINE bool take_number(struct etf_reader *reader, size_t size, uint64_t *number)
{
  const uint8_t *bytes = take(reader, size);
  if (!bytes) return false;
  *number = load(bytes, size);
  return true;
}

/* Takes bytes that have their length before them, in `size` bytes. */
static INLINE enum status take_bytes(struct etf_reader *reader, size_t size, struct etf_item *item)
{
  uint64_t length;
  if (!take_number(reader, size, &length) || length > left(reader)) return STATUS_TRUNCATED;
  item->length = (size_t)length;
  item->bytes = take(reader, item->length);
  return STATUS_OK;
}

/* --- Atoms ---------------------------------------------------------------------------------- */

enum status etf_check_atom(const uint8_t *name, size_t length)
{
  if (length <= ETF_ATOM_CHARACTERS && utf8_is_ascii(name, length)) return STATUS_OK;
  if (utf8_look_at(name, length) == UTF8_INVALID) return STATUS_MALFORMED;
  return utf8_characters(name, length) > ETF_ATOM_CHARACTERS ? STATUS_UNSUPPORTED : STATUS_OK;
}

size_t etf_latin1_to_utf8(const uint8_t *latin1, size_t length, uint8_t *utf8)
{
  uint8_t *to = utf8;
  for (size_t i = 0; i < length; i++) {
    if (latin1[i] < 0x80) {
      *to++ = latin1[i];
    } else {
      *to++ = (uint8_t)(0xC0 | latin1[i] >> 6);
      *to++ = (uint8_t)(0x80 | (latin1[i] & 0x3F));
    }
  }
  return (size_t)(to - utf8);
}

static INLINE enum status read_atom(struct etf_reader *reader, size_t size, bool latin1,
                                    struct etf_item *item)
{
  enum status status = take_bytes(reader, size, item);
  if (status) return status;
  item->kind = ETF_ATOM;
  item->latin1 = latin1 && !utf8_is_ascii(item->bytes, item->length);
  if (latin1 ? item->length > ETF_ATOM_CHARACTERS : etf_check_atom(item->bytes, item->length) != 0)
    return STATUS_MALFORMED;
  return STATUS_OK;
}

/* Reads an item that must be an atom: the name of a node, a module, a function. */
static enum status read_name(struct etf_reader *reader, struct etf_item *item)
{
  const uint8_t *tag = take(reader, 1);
  if (!tag) return STATUS_TRUNCATED;
  switch (*tag) {
  case TAG_ATOM: return read_atom(reader, 2, true, item);
  case TAG_SMALL_ATOM: return read_atom(reader, 1, true, item);
  case TAG_ATOM_UTF8: return read_atom(reader, 2, false, item);
  case TAG_SMALL_ATOM_UTF8: return read_atom(reader, 1, false, item);
  default: return STATUS_MALFORMED;
  }
}

/* --- Numbers -------------------------------------------------------------------------------- */

static INLINE enum status read_integer(struct etf_reader *reader, size_t size,
                                       struct etf_item *item)
{
  uint64_t number;
  if (!take_number(reader, size, &number)) return STATUS_TRUNCATED;
  item->kind = ETF_INTEGER;
  item->integer = size == 1 ? (int64_t)number : (int32_t)(uint32_t)number;
  return STATUS_OK;
}

static enum status read_big(struct etf_reader *reader, size_t size, struct etf_item *item)
{
  uint64_t length, sign;
  if (!take_number(reader, size, &length) || !take_number(reader, 1, &sign) ||
      length > left(reader))
    return STATUS_TRUNCATED;
  item->negative = sign != 0;
  item->bytes = take(reader, (size_t)length);
  item->length = (size_t)length;
  while (item->length > 0 && item->bytes[item->length - 1] == 0) item->length--;
  bool small = etf_int64(item->negative, item->bytes, item->length, &item->integer);
  item->kind = small ? ETF_INTEGER : ETF_BIG;
  return STATUS_OK;
}

/* The old form, text as "%.20e" writes it, filled up with zero bytes. Only what that can write is
 * let through to strtod, which also takes hexadecimal, "inf", and spaces. */
static bool parse_float(const uint8_t *bytes, double *number)
{
  char text[FLOAT_TEXT + 1] = {0};
  memcpy(text, bytes, FLOAT_TEXT);
  size_t length = strlen(text);
  if (length == 0 || strspn(text, "0123456789+-.eE") != length) return false;
  for (size_t i = length; i < FLOAT_TEXT; i++)
    if (text[i] != '\0') return false;
  char *end;
  *number = strtod(text, &end);
  return end == text + length;
}

static enum status read_float(struct etf_reader *reader, size_t size, struct etf_item *item)
{
  const uint8_t *bytes = take(reader, size);
  if (!bytes) return STATUS_TRUNCATED;
  item->kind = ETF_FLOAT;
  if (size == FLOAT_TEXT) {
    if (!parse_float(bytes, &item->number)) return STATUS_MALFORMED;
  } else {
    uint64_t bits = load64(bytes);
    memcpy(&item->number, &bits, sizeof bits);
  }
  return isfinite(item->number) ? STATUS_OK : STATUS_MALFORMED;
}

/* --- Bytes, containers ---------------------------------------------------------------------- */

static enum status read_bits(struct etf_reader *reader, struct etf_item *item)
{
  uint64_t length, bits;
  if (!take_number(reader, 4, &length) || !take_number(reader, 1, &bits) || length > left(reader))
    return STATUS_TRUNCATED;
  if (bits > 8 || (bits == 0) != (length == 0)) return STATUS_MALFORMED;
  item->bits = (uint8_t)bits;
  item->kind = bits == 0 || bits == 8 ? ETF_BINARY : ETF_BITSTRING;
  item->length = (size_t)length;
  item->bytes = take(reader, item->length);
  return STATUS_OK;
}

static INLINE enum status read_run(struct etf_reader *reader, size_t size, enum etf_kind kind,
                                   struct etf_item *item)
{
  item->kind = kind;
  return take_bytes(reader, size, item);
}

uint64_t etf_children(const struct etf_item *item)
{
  switch (item->kind) {
  case ETF_LIST: return (uint64_t)item->count + 1;
  case ETF_TUPLE: return item->count;
  case ETF_MAP: return 2 * (uint64_t)item->count;
  case ETF_INTEGER:
  case ETF_BIG:
  case ETF_FLOAT:
  case ETF_ATOM:
  case ETF_BINARY:
  case ETF_BITSTRING:
  case ETF_STRING:
  case ETF_NIL:
  case ETF_PID:
  case ETF_PORT:
  case ETF_REFERENCE:
  case ETF_FUN: return 0;
  }
  return 0;
}

static INLINE enum status read_head(struct etf_reader *reader, size_t size, enum etf_kind kind,
                                    struct etf_item *item)
{
  uint64_t count;
  if (!take_number(reader, size, &count)) return STATUS_TRUNCATED;
  item->kind = kind;
  item->count = (uint32_t)count;
  /* Each term has at least a byte, so who believes a count never takes more memory than came. */
  count = kind == ETF_LIST ? count + 1 : kind == ETF_MAP ? 2 * count : count;
  return count > left(reader) ? STATUS_TRUNCATED : STATUS_OK;
}

/* --- Opaque terms --------------------------------------------------------------------------- */

/* How the pids, ports and references of all times are laid out after their tag: a node's name, then
 * `words` numbers of `word` bytes each and the creation. Those with words 0 begin with the count of
 * their words, and have the creation before these. */
struct layout {
  uint8_t tag, words, word, creation;
};

static const struct layout layouts[] = {
    {TAG_PID, 2, 4, 1},           {TAG_NEW_PID, 2, 4, 4},         {TAG_PORT, 1, 4, 1},
    {TAG_NEW_PORT, 1, 4, 4},      {TAG_V4_PORT, 1, 8, 4},         {TAG_REFERENCE, 1, 4, 1},
    {TAG_NEW_REFERENCE, 0, 4, 1}, {TAG_NEWER_REFERENCE, 0, 4, 4},
};

/* Reads what follows the tag, which must be one of the layouts'. */
static enum status read_identity(struct etf_reader *reader, uint8_t tag, struct etf_item *node,
                                 struct etf_identity *out)
{
  const struct layout *layout = layouts;
  while (layout->tag != tag) layout++;
  bool counted = layout->words == 0;
  uint64_t count = layout->words;
  if (counted) {
    if (!take_number(reader, 2, &count)) return STATUS_TRUNCATED;
    if (count == 0 || count > ETF_REFERENCE_WORDS) return STATUS_MALFORMED;
  }
  enum status status = read_name(reader, node);
  if (status) return status;
  if (counted && !take_number(reader, layout->creation, &out->creation)) return STATUS_TRUNCATED;
  for (size_t i = 0; i < count; i++)
    if (!take_number(reader, layout->word, &out->words[i])) return STATUS_TRUNCATED;
  if (!counted && !take_number(reader, layout->creation, &out->creation)) return STATUS_TRUNCATED;
  out->count = (size_t)count;
  return STATUS_OK;
}

/* Kept out of line: it needs room on the stack that most items don't. */
__attribute__((noinline)) static enum status read_opaque(struct etf_reader *reader, uint8_t tag,
                                                         enum etf_kind kind, struct etf_item *item)
{
  struct etf_identity ignored;
  enum status status = read_identity(reader, tag, item, &ignored);
  item->kind = kind;
  return status;
}

/* Reads an item that must be a small integer: OTP takes no others inside of a fun. */
static enum status read_small(struct etf_reader *reader, struct etf_item *item)
{
  const uint8_t *tag = take(reader, 1);
  if (!tag) return STATUS_TRUNCATED;
  if (*tag == TAG_SMALL_INTEGER) return read_integer(reader, 1, item);
  if (*tag == TAG_INTEGER) return read_integer(reader, 4, item);
  return STATUS_MALFORMED;
}

/* fun Module:Function/Arity */
static enum status read_export(struct etf_reader *reader, struct etf_item *item)
{
  enum status status = read_name(reader, item);
  if (!status) status = read_name(reader, item);
  if (!status) status = read_small(reader, item);
  if (!status && item->integer < 0) status = STATUS_MALFORMED;
  item->kind = ETF_FUN;
  item->count = 0;
  item->bytes = NULL;
  return status;
}

/* A closure up to its free variables, whose number goes to item->count. The size that comes first,
 * and counts itself, is of all: bytes and length of the item say where it has to end. */
static enum status read_closure(struct etf_reader *reader, struct etf_item *item)
{
  uint64_t size, free_variables;
  struct etf_reader whole = *reader;
  if (!take_number(reader, 4, &size) || !take(reader, 1 + 16 + 4) || /* arity, uniq, index */
      !take_number(reader, 4, &free_variables) || size > left(&whole))
    return STATUS_TRUNCATED;
  enum status status = read_name(reader, item);   /* module */
  if (!status) status = read_small(reader, item); /* old index */
  if (!status) status = read_small(reader, item); /* old uniq */
  if (status) return status;
  const uint8_t *tag = take(reader, 1);
  if (!tag) return STATUS_TRUNCATED;
  if (*tag != TAG_PID && *tag != TAG_NEW_PID) return STATUS_MALFORMED;
  status = read_opaque(reader, *tag, ETF_FUN, item);
  item->bytes = whole.at;
  item->length = (size_t)size;
  item->count = (uint32_t)free_variables;
  if (!status && free_variables > left(reader)) return STATUS_TRUNCATED;
  return status;
}

/* --- The reader ----------------------------------------------------------------------------- */

/* Reads one item. Of a closure only the head: item->count terms of it follow. */
static INLINE enum status read_item(struct etf_reader *reader, struct etf_item *item)
{
  const uint8_t *tag = take(reader, 1);
  if (!tag) return STATUS_TRUNCATED;
  switch (*tag) {
  case TAG_SMALL_INTEGER: return read_integer(reader, 1, item);
  case TAG_INTEGER: return read_integer(reader, 4, item);
  case TAG_SMALL_BIG: return read_big(reader, 1, item);
  case TAG_LARGE_BIG: return read_big(reader, 4, item);
  case TAG_NEW_FLOAT: return read_float(reader, 8, item);
  case TAG_FLOAT: return read_float(reader, FLOAT_TEXT, item);
  case TAG_SMALL_ATOM_UTF8: return read_atom(reader, 1, false, item);
  case TAG_ATOM_UTF8: return read_atom(reader, 2, false, item);
  case TAG_SMALL_ATOM: return read_atom(reader, 1, true, item);
  case TAG_ATOM: return read_atom(reader, 2, true, item);
  case TAG_BINARY: return read_run(reader, 4, ETF_BINARY, item);
  case TAG_STRING: return read_run(reader, 2, ETF_STRING, item);
  case TAG_BIT_BINARY: return read_bits(reader, item);
  case TAG_NIL: item->kind = ETF_NIL; return STATUS_OK;
  case TAG_LIST: return read_head(reader, 4, ETF_LIST, item);
  case TAG_SMALL_TUPLE: return read_head(reader, 1, ETF_TUPLE, item);
  case TAG_LARGE_TUPLE: return read_head(reader, 4, ETF_TUPLE, item);
  case TAG_MAP: return read_head(reader, 4, ETF_MAP, item);
  case TAG_PID:
  case TAG_NEW_PID: return read_opaque(reader, *tag, ETF_PID, item);
  case TAG_PORT:
  case TAG_NEW_PORT:
  case TAG_V4_PORT: return read_opaque(reader, *tag, ETF_PORT, item);
  case TAG_REFERENCE:
  case TAG_NEW_REFERENCE:
  case TAG_NEWER_REFERENCE: return read_opaque(reader, *tag, ETF_REFERENCE, item);
  case TAG_NEW_FUN: return read_closure(reader, item);
  case TAG_EXPORT: return read_export(reader, item);
  case TAG_FUN:
  case TAG_LOCAL:
  case TAG_ATOM_CACHE_REF: return STATUS_UNSUPPORTED;
  default: return STATUS_MALFORMED;
  }
}

static enum status skip(struct etf_reader *reader, uint64_t count, uint32_t depth);

/* Steps over the rest of a fun. OTP only looks whether its size is more than what is left, so that a
 * wrong one is good where other terms follow, and bad at the end: only the right one will do. */
static enum status skip_fun(struct etf_reader *reader, const struct etf_item *fun, uint32_t depth)
{
  if (depth >= ETF_FUN_DEPTH) return STATUS_TOO_LARGE;
  enum status status = skip(reader, fun->count, depth + 1);
  if (!status && fun->bytes && (size_t)(reader->at - fun->bytes) != fun->length)
    status = STATUS_MALFORMED;
  return status;
}

/* An atom of which is seen at once that it is one: how many bytes it has; 0: it is not, or who knows. There are
 * at least five. */
static size_t simple_atom(const uint8_t *at, const uint8_t *end)
{
  bool small = at[0] == TAG_SMALL_ATOM_UTF8 || at[0] == TAG_SMALL_ATOM;
  if (!small && at[0] != TAG_ATOM_UTF8 && at[0] != TAG_ATOM) return 0;
  size_t head = small ? 2 : 3, size = small ? at[1] : (size_t)load(at + 1, 2);
  bool is_one = size <= (size_t)(end - at) - head && size <= ETF_ATOM_CHARACTERS &&
                utf8_is_ascii(at + head, size);
  return is_one ? head + size : 0;
}

/* Steps over terms, `most` of them, as long as they have no others in them and are seen at once to be good;
 * how many that were. */
static uint64_t skip_simple(struct etf_reader *reader, uint64_t most)
{
  const uint8_t *at = reader->at, *end = reader->end;
  uint64_t rest = most;
  for (; rest > 0 && end - at >= 5; rest--) {
    if (at[0] == TAG_SMALL_INTEGER) {
      at += 2;
    } else if (at[0] == TAG_BINARY) {
      uint64_t size = load(at + 1, 4);
      if (size > (size_t)(end - at) - 5) break;
      at += 5 + (size_t)size;
    } else if (at[0] == TAG_INTEGER) {
      at += 5;
    } else if (at[0] == TAG_NIL) {
      at += 1;
    } else {
      size_t bytes = simple_atom(at, end);
      if (bytes == 0) break;
      at += bytes;
    }
  }
  reader->at = at;
  return most - rest;
}

/* Steps over `count` terms. One counter is all it takes: how the terms nest makes no difference, but
 * for funs in funs. */
static enum status skip(struct etf_reader *reader, uint64_t count, uint32_t depth)
{
  struct etf_item item;
  for (;;) {
    count -= skip_simple(reader, count);
    if (count == 0) return STATUS_OK;
    enum status status = read_item(reader, &item);
    if (status) return status;
    count--;
    if (item.kind < ETF_LIST) continue;
    if (item.kind != ETF_FUN) {
      count += etf_children(&item);
    } else if ((status = skip_fun(reader, &item, depth))) {
      return status;
    }
  }
}

enum status etf_begin(struct etf_reader *reader)
{
  if (left(reader) == 0) return STATUS_TRUNCATED;
  if (reader->at[0] != TAG_VERSION) return STATUS_MALFORMED;
  if (left(reader) > 1 && reader->at[1] == TAG_COMPRESSED) return STATUS_UNSUPPORTED;
  reader->at++;
  return STATUS_OK;
}

enum status etf_next(struct etf_reader *reader, struct etf_item *item)
{
  const uint8_t *start = reader->at;
  enum status status = read_item(reader, item);
  if (!status && item->kind >= ETF_PID) {
    if (item->kind == ETF_FUN) status = skip_fun(reader, item, 0);
    item->bytes = start;
    item->length = (size_t)(reader->at - start);
  }
  if (status) reader->at = start;
  return status;
}

enum status etf_skip(struct etf_reader *reader) { return skip(reader, 1, 0); }

enum status etf_check(const uint8_t *bytes, size_t length)
{
  struct etf_reader reader = {bytes, bytes + length};
  enum status status = etf_begin(&reader);
  if (!status) status = etf_skip(&reader);
  if (!status && left(&reader) != 0) status = STATUS_MALFORMED;
  return status;
}

enum status etf_enter_tuple(struct etf_reader *reader, uint32_t *arity)
{
  struct etf_item item;
  struct etf_reader ahead = *reader;
  enum status status = etf_next(&ahead, &item);
  if (status) return status;
  if (item.kind != ETF_TUPLE) return STATUS_MALFORMED;
  *reader = ahead;
  *arity = item.count;
  return STATUS_OK;
}

void etf_identify(const struct etf_item *item, struct etf_identity *identity)
{
  struct etf_item node;
  struct etf_reader reader = {item->bytes + 1, item->bytes + item->length};
  enum status status = read_identity(&reader, item->bytes[0], &node, identity);
  assert(status == STATUS_OK); /* etf_next has read it before */
  (void)status;
  identity->node_length = node.length;
  if (node.latin1)
    identity->node_length = etf_latin1_to_utf8(node.bytes, node.length, identity->node);
  else
    memcpy(identity->node, node.bytes, node.length);
}
