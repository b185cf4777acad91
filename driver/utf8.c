/* What texts are: see utf8.h. Eight bytes at a time, where it can be. */
#include "utf8.h"

#include <string.h>

#define HIGH_BITS UINT64_C(0x8080808080808080)

static uint64_t load(const uint8_t *at)
{
  uint64_t word;
  memcpy(&word, at, sizeof word);
  return word;
}

enum utf8_kind utf8_look_at(const void *text, size_t length)
{
  const uint8_t *at = text, *end = at + length;
  enum utf8_kind kind = UTF8_ASCII;
  while (at < end) {
    while ((size_t)(end - at) >= sizeof(uint64_t) && !(load(at) & HIGH_BITS))
      at += sizeof(uint64_t);
    if (at == end) break;
    size_t bytes = utf8_character(at, end);
    if (bytes == 0) return UTF8_INVALID;
    if (bytes > 1) kind = UTF8_VALID;
    at += bytes;
  }
  return kind;
}

size_t utf8_characters(const void *text, size_t length)
{
  const uint64_t ones = UINT64_C(0x0101010101010101);
  const uint8_t *bytes = text;
  size_t tails = 0, at = 0;
  for (; length - at >= sizeof ones; at += sizeof ones) {
    uint64_t word = load(bytes + at);
    tails += (size_t)__builtin_popcountll((word >> 7) & (~word >> 6) & ones);
  }
  for (; at < length; at++) tails += utf8_is_tail(bytes[at]);
  return length - tails;
}

size_t utf8_bytes(const void *text, size_t length, size_t characters)
{
  const uint8_t *bytes = text;
  size_t at = 0;
  for (const size_t block = 64; length - at >= block && characters >= block; at += block)
    characters -= utf8_characters(bytes + at, block);
  for (; at < length; at++) {
    if (utf8_is_tail(bytes[at])) continue;
    if (characters == 0) return at;
    characters--;
  }
  return characters == 0 ? length : SIZE_MAX;
}
