/* What texts are: ASCII, UTF-8 or neither, and how many characters.
 *
 * UTF-8 is that of RFC 3629: the shortest form alone, no surrogates, nothing beyond 10FFFF. Pure functions;
 * nothing is read at or beyond the end.
 */
#ifndef RUBEAM_UTF8_H
#define RUBEAM_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum utf8_kind { UTF8_ASCII, UTF8_VALID, UTF8_INVALID }; /* UTF8_VALID: and not ASCII */

/* Looks through a text. */
enum utf8_kind utf8_look_at(const void *text, size_t length);

/* How many characters these bytes are: all but those that go on with one. */
size_t utf8_characters(const void *text, size_t length);

/* How many bytes so many characters of a valid text are; SIZE_MAX: there are not so many. */
size_t utf8_bytes(const void *text, size_t length, size_t characters);

static inline bool utf8_is_ascii(const void *text, size_t length)
{
  const uint8_t *at = text, *end = at + length;
  uint64_t all = 0, word;
  uint32_t half;
  if (length >= sizeof word) {
    for (; (size_t)(end - at) > sizeof word; at += sizeof word) {
      memcpy(&word, at, sizeof word);
      all |= word;
    }
    memcpy(&word, end - sizeof word, sizeof word); /* some of them a second time */
    all |= word;
  } else if (length >= sizeof half) {
    memcpy(&half, at, sizeof half);
    all = half;
    memcpy(&half, end - sizeof half, sizeof half);
    all |= half;
  } else {
    while (at < end) all |= *at++;
  }
  return (all & UINT64_C(0x8080808080808080)) == 0;
}

/* Does the byte go on with a character that has begun? */
static inline bool utf8_is_tail(uint8_t byte) { return (byte & 0xc0) == 0x80; }

/* How many bytes the character at `at` has, of which there is at least one; 0: it is none. */
static inline size_t utf8_character(const uint8_t *at, const uint8_t *end)
{
  size_t room = (size_t)(end - at);
  uint8_t lead = at[0];
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4 || room < 2 || !utf8_is_tail(at[1])) return 0;
  if (lead < 0xe0) return 2;
  if (room < 3 || !utf8_is_tail(at[2])) return 0;
  if (lead == 0xe0 && at[1] < 0xa0) return 0;  /* overlong */
  if (lead == 0xed && at[1] >= 0xa0) return 0; /* a surrogate */
  if (lead < 0xf0) return 3;
  if (room < 4 || !utf8_is_tail(at[3])) return 0;
  if (lead == 0xf0 && at[1] < 0x90) return 0;
  if (lead == 0xf4 && at[1] >= 0x90) return 0; /* beyond Unicode */
  return 4;
}

/* The number of a character of so many bytes. */
static inline uint32_t utf8_code(const uint8_t *at, size_t length)
{
  uint32_t code = length == 1 ? at[0] : at[0] & (0x7fu >> length);
  for (size_t i = 1; i < length; i++) code = code << 6 | (at[i] & 0x3fu);
  return code;
}

#endif
