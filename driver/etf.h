/* The external term format as bytes: reading it, writing it, comparing it.
 *
 * Pure functions on bytes: no allocation, no state, any thread. The reader trusts nothing: it never
 * looks at or beyond `end`, and every count and length is held against the bytes that are left.
 * The format: https://www.erlang.org/doc/apps/erts/erl_ext_dist.html
 */
#ifndef RUBEAM_ETF_H
#define RUBEAM_ETF_H

#include "buffer.h"
#include "etf_tags.h"
#include "status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* An atom has at most 255 characters, of at most 4 bytes in UTF-8. */
#define ETF_ATOM_CHARACTERS 255
#define ETF_ATOM_BYTES      1020

#define ETF_REFERENCE_WORDS 5 /* the most that a reference has: ERTS_MAX_REF_NUMBERS in OTP */

/* How deep closures may be nested in the free variables of others: about 100 bytes of stack each. */
#define ETF_FUN_DEPTH 1000

/* How deep maps in maps may be nested for etf_equal and etf_hash, which recurse for these alone. */
#define ETF_MAP_DEPTH 1024

/* Reads what is from `at` to before `end`. The bytes stay the caller's; items point into them. */
struct etf_reader {
  const uint8_t *at, *end;
};

enum etf_kind {
  ETF_INTEGER,   /* integer: all that fit, however they were encoded */
  ETF_BIG,       /* negative; bytes, length: the magnitude, little-endian, its last byte not 0 */
  ETF_FLOAT,     /* number: finite */
  ETF_ATOM,      /* bytes, length: UTF-8, or if latin1 is set ISO 8859-1 (with a byte above 127) */
  ETF_BINARY,    /* bytes, length */
  ETF_BITSTRING, /* bytes, length, bits: how many bits of the last byte are used, 1 to 7 */
  ETF_STRING,    /* bytes, length: a list of that many small integers, with its end */
  ETF_NIL,       /* the empty list */
  ETF_LIST,      /* count elements follow, then the tail (ETF_NIL if the list is proper) */
  ETF_TUPLE,     /* count elements follow */
  ETF_MAP,       /* count pairs of a key and a value follow */
  /* Opaque: bytes, length are the complete encoding with its tag, checked down to its parts. */
  ETF_PID,
  ETF_PORT,
  ETF_REFERENCE,
  ETF_FUN /* a closure with all its free variables, or an external fun */
};

/* One term, or the head of a list, tuple or map, whose elements are the next items. Only the
 * fields that enum etf_kind names for the kind are set. */
struct etf_item {
  enum etf_kind kind;
  bool negative;
  bool latin1;
  uint8_t bits;
  uint32_t count;
  int64_t integer;
  double number;
  const uint8_t *bytes;
  size_t length;
};

/* Reads the version byte that begins every encoded term.
 * STATUS_UNSUPPORTED: a compressed term follows. STATUS_MALFORMED: another byte.
 * STATUS_TRUNCATED: no byte. */
MUST_CHECK enum status etf_begin(struct etf_reader *reader);

/* Reads the next item. On any error the reader stays at the item's first byte.
 *
 * STATUS_TRUNCATED: the bytes end too early, also when a head promises more elements than there
 * are bytes left. STATUS_MALFORMED: not the format, or not a value (NaN; an atom that isn't UTF-8
 * or has more than 255 characters). STATUS_UNSUPPORTED: a tag of the distribution protocol, or
 * one that no current Erlang writes or reads. STATUS_TOO_LARGE: closures nested deeper than
 * ETF_FUN_DEPTH. */
MUST_CHECK enum status etf_next(struct etf_reader *reader, struct etf_item *item);

/* What is read most often, without a call: an integer of at most 32 bits, a binary, an atom. False: it is
 * something else, or no term, and nothing is read. */
static inline bool etf_take_integer(struct etf_reader *reader, int32_t *integer)
{
  uint32_t word;
  if (reader->end - reader->at < 2) return false;
  if (reader->at[0] == TAG_SMALL_INTEGER) {
    *integer = reader->at[1];
    reader->at += 2;
    return true;
  }
  if (reader->at[0] != TAG_INTEGER || reader->end - reader->at < 5) return false;
  memcpy(&word, reader->at + 1, sizeof word);
  *integer = (int32_t)__builtin_bswap32(word);
  reader->at += 5;
  return true;
}

static inline bool etf_take_binary(struct etf_reader *reader, const uint8_t **bytes, size_t *length)
{
  uint32_t size;
  if (reader->end - reader->at < 5 || reader->at[0] != TAG_BINARY) return false;
  memcpy(&size, reader->at + 1, sizeof size);
  size = __builtin_bswap32(size);
  if (size > (size_t)(reader->end - reader->at) - 5) return false;
  *bytes = reader->at + 5;
  *length = size;
  reader->at += 5 + (size_t)size;
  return true;
}

/* The name is as it came: etf_next would have checked it, and told whether it is in UTF-8. False also for
 * one without a character. */
static inline bool etf_take_atom(struct etf_reader *reader, const uint8_t **name, size_t *length)
{
  if (reader->end - reader->at < 3) return false;
  uint8_t tag = reader->at[0];
  bool small = tag == TAG_SMALL_ATOM_UTF8 || tag == TAG_SMALL_ATOM;
  if (!small && tag != TAG_ATOM_UTF8 && tag != TAG_ATOM) return false;
  size_t head = small ? 2 : 3, size = reader->at[1];
  if (!small) size = size << 8 | reader->at[2];
  if (size == 0 || size > (size_t)(reader->end - reader->at) - head) return false;
  *name = reader->at + head;
  *length = size;
  reader->at += head + size;
  return true;
}

/* Steps over one term and all that is in it, however deep; recursion only for closures in closures.
 * Errors as etf_next; the reader then stands anywhere. */
MUST_CHECK enum status etf_skip(struct etf_reader *reader);

/* Is it exactly one encoded term, from the version byte to the last byte?
 * STATUS_MALFORMED also when bytes are left over; else as etf_begin and etf_next. */
MUST_CHECK enum status etf_check(const uint8_t *bytes, size_t length);

/* Reads a tuple's head. STATUS_MALFORMED also for a term that is no tuple. On any error the
 * reader hasn't moved. */
MUST_CHECK enum status etf_enter_tuple(struct etf_reader *reader, uint32_t *arity);

/* How many terms follow a head and belong to it, a list's tail included? */
uint64_t etf_children(const struct etf_item *item);

/* Is it the atom of this name (ASCII)? */
static inline bool etf_is_atom(const struct etf_item *item, const char *name)
{
  return item->kind == ETF_ATOM && item->length == strlen(name) &&
         memcmp(name, item->bytes, item->length) == 0;
}

/* Writes ISO 8859-1 as UTF-8, and tells how many bytes: at most twice `length`, the room that
 * `utf8` must have. */
size_t etf_latin1_to_utf8(const uint8_t *latin1, size_t length, uint8_t *utf8);

/* Can this be the name of an atom? STATUS_MALFORMED: not UTF-8. STATUS_UNSUPPORTED: more than 255
 * characters. */
MUST_CHECK enum status etf_check_atom(const uint8_t *name, size_t length);

/* The writer. A write that fails is kept in the buffer (buffer_status), so that only the end needs
 * a check. Equal terms are written as equal bytes, but for the order of a map's pairs, the sign of
 * a zero, and what etf_put_raw brings. Bytes given are copied. */
void etf_put_version(struct buffer *buffer);
void etf_put_integer(struct buffer *buffer, int64_t integer);
/* `magnitude` is little-endian; zeros at its end do no harm. */
void etf_put_big(struct buffer *buffer, bool negative, const uint8_t *magnitude, size_t length);
/* Fits a magnitude (little-endian) into an int64? Then *integer is it. */
bool etf_int64(bool negative, const uint8_t *magnitude, size_t length, int64_t *integer);
/* Must be finite: there is no NaN and no infinity in Erlang. */
void etf_put_float(struct buffer *buffer, double number);
/* `name` must have passed etf_check_atom. */
void etf_put_atom(struct buffer *buffer, const void *name, size_t length);
void etf_put_binary(struct buffer *buffer, const void *bytes, size_t length);
void etf_put_binary_head(struct buffer *buffer, size_t length); /* `length` bytes must follow */
void etf_put_nil(struct buffer *buffer);
/* `count` terms and etf_put_nil must follow. An empty list is etf_put_nil alone. */
void etf_put_list(struct buffer *buffer, uint32_t count);
void etf_put_tuple(struct buffer *buffer, uint32_t arity); /* `arity` terms must follow */
void etf_put_map(struct buffer *buffer, uint32_t count);   /* 2 * `count` terms must follow */
/* A term that is already encoded, without a version byte. */
void etf_put_raw(struct buffer *buffer, const uint8_t *bytes, size_t length);

/* What makes out a pid (words: its number and serial), a port or a reference, whichever of its
 * encodings it came in. */
struct etf_identity {
  uint64_t creation;
  uint64_t words[ETF_REFERENCE_WORDS];
  size_t count; /* of words */
  size_t node_length;
  uint8_t node[ETF_ATOM_BYTES]; /* UTF-8 */
};

/* Reads it from an item that etf_next gave, of kind ETF_PID, ETF_PORT or ETF_REFERENCE. */
void etf_identify(const struct etf_item *item, struct etf_identity *identity);

/* Do two terms (complete, without a version byte) denote the same one, as =:= tells? Maps may have
 * their pairs in any order; 0.0 and -0.0 are the same, as they were before OTP 27; pids, ports and
 * references are the same however old their encoding. Lists are compared as the writer makes
 * them: one head, and no ETF_STRING. Of a map with the same key twice, which Erlang never makes, either
 * pair may count.
 *
 * STATUS_TOO_LARGE: it would take more than a few milliseconds to tell (which needs tens of
 * thousands of items that aren't equal byte by byte), or maps are nested deeper than ETF_MAP_DEPTH.
 * Else the errors of etf_next. */
MUST_CHECK enum status etf_equal(const uint8_t *a, size_t a_length, const uint8_t *b,
                                 size_t b_length, bool *equal);

/* A hash that is the same for terms that are etf_equal. Who can't guess `seed` can't make
 * collisions. STATUS_TOO_LARGE: maps nested deeper than ETF_MAP_DEPTH. Else as etf_next. */
MUST_CHECK enum status etf_hash(const uint8_t *bytes, size_t length, uint64_t seed, uint64_t *hash);

#endif
