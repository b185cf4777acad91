/* The external term format as bytes: the writer.
 *
 * One way to write each value, the one that OTP's own term_to_binary takes (but that atoms are
 * always UTF-8 and lists never ETF_STRING), so that equal values are equal bytes. libei's writer
 * would need its own buffer, which knows no limit and no allocator but malloc. The unit tests hold
 * this writer against libei.
 *
 * Guarantees: what doesn't fit makes the buffer fail, nothing else. Thread: the buffer's.
 */
#include "etf.h"
#include "etf_tags.h"

#include <assert.h>
#include <math.h>
#include <string.h>

bool etf_int64(bool negative, const uint8_t *magnitude, size_t length, int64_t *integer)
{
  uint64_t value = 0;
  if (length > 8) return false;
  for (size_t i = length; i > 0; i--) value = value << 8 | magnitude[i - 1];
  if (value > (uint64_t)INT64_MAX + negative) return false;
  *integer = (int64_t)(negative ? 0 - value : value);
  return true;
}

static void put_head(struct buffer *buffer, enum etf_tag tag, uint32_t count)
{
  uint8_t *to = buffer_reserve(buffer, 5);
  if (!to) return;
  to[0] = (uint8_t)tag;
  count = __builtin_bswap32(count);
  memcpy(to + 1, &count, sizeof count);
}

static void put_small_head(struct buffer *buffer, enum etf_tag tag, size_t count)
{
  uint8_t *to = buffer_reserve(buffer, 2);
  if (!to) return;
  to[0] = (uint8_t)tag;
  to[1] = (uint8_t)count;
}

/* A length that the format can't hold makes the buffer fail, as any other put that is too large. */
static void put_too_large(struct buffer *buffer)
{
  uint8_t *never = buffer_reserve(buffer, SIZE_MAX);
  (void)never;
}

static void put_magnitude(struct buffer *buffer, bool negative, const uint8_t *magnitude,
                          size_t length)
{
  if (length > UINT32_MAX) {
    put_too_large(buffer);
    return;
  }
  if (length <= UINT8_MAX)
    put_small_head(buffer, TAG_SMALL_BIG, length);
  else
    put_head(buffer, TAG_LARGE_BIG, (uint32_t)length);
  buffer_put_byte(buffer, negative);
  buffer_put(buffer, magnitude, length);
}

void etf_put_version(struct buffer *buffer) { buffer_put_byte(buffer, TAG_VERSION); }

void etf_put_integer(struct buffer *buffer, int64_t integer)
{
  if (integer >= 0 && integer <= UINT8_MAX) {
    put_small_head(buffer, TAG_SMALL_INTEGER, (size_t)integer);
  } else if (integer >= INT32_MIN && integer <= INT32_MAX) {
    put_head(buffer, TAG_INTEGER, (uint32_t)integer);
  } else {
    uint64_t value = integer < 0 ? 0 - (uint64_t)integer : (uint64_t)integer;
    uint8_t magnitude[8];
    size_t length = 0;
    for (; value != 0; value >>= 8) magnitude[length++] = (uint8_t)value;
    put_magnitude(buffer, integer < 0, magnitude, length);
  }
}

void etf_put_big(struct buffer *buffer, bool negative, const uint8_t *magnitude, size_t length)
{
  int64_t integer;
  while (length > 0 && magnitude[length - 1] == 0) length--;
  if (etf_int64(negative, magnitude, length, &integer))
    etf_put_integer(buffer, integer);
  else
    put_magnitude(buffer, negative, magnitude, length);
}

void etf_put_float(struct buffer *buffer, double number)
{
  uint64_t bits;
  assert(isfinite(number));
  uint8_t *to = buffer_reserve(buffer, 1 + sizeof bits);
  if (!to) return;
  memcpy(&bits, &number, sizeof bits);
  bits = __builtin_bswap64(bits);
  to[0] = TAG_NEW_FLOAT;
  memcpy(to + 1, &bits, sizeof bits);
}

void etf_put_atom(struct buffer *buffer, const void *name, size_t length)
{
  assert(length <= ETF_ATOM_BYTES);
  if (length <= UINT8_MAX) {
    put_small_head(buffer, TAG_SMALL_ATOM_UTF8, length);
  } else {
    buffer_put_byte(buffer, TAG_ATOM_UTF8);
    buffer_put_be16(buffer, (uint16_t)length);
  }
  buffer_put(buffer, name, length);
}

void etf_put_binary_head(struct buffer *buffer, size_t length)
{
  if (length > UINT32_MAX)
    put_too_large(buffer);
  else
    put_head(buffer, TAG_BINARY, (uint32_t)length);
}

void etf_put_binary(struct buffer *buffer, const void *bytes, size_t length)
{
  etf_put_binary_head(buffer, length);
  if (length <= UINT32_MAX) buffer_put(buffer, bytes, length);
}

void etf_put_nil(struct buffer *buffer) { buffer_put_byte(buffer, TAG_NIL); }

void etf_put_list(struct buffer *buffer, uint32_t count) { put_head(buffer, TAG_LIST, count); }

void etf_put_tuple(struct buffer *buffer, uint32_t arity)
{
  if (arity <= UINT8_MAX)
    put_small_head(buffer, TAG_SMALL_TUPLE, arity);
  else
    put_head(buffer, TAG_LARGE_TUPLE, arity);
}

void etf_put_map(struct buffer *buffer, uint32_t count) { put_head(buffer, TAG_MAP, count); }

void etf_put_raw(struct buffer *buffer, const uint8_t *bytes, size_t length)
{
  buffer_put(buffer, bytes, length);
}
