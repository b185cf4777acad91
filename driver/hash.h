/* A quick hash of words and bytes, for tables and checksums.
 *
 * For a given word each step is a bijection of the hash before it: where one word differs, so does the
 * result. It is no protection against who knows the seed and looks for collisions.
 */
#ifndef RUBEAM_HASH_H
#define RUBEAM_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t hash_word(uint64_t hash, uint64_t word)
{
  hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
  return hash ^ hash >> 29;
}

/* Less than eight bytes as a number, whose lowest byte is the first. */
static inline uint64_t hash_rest(const uint8_t *at, size_t length)
{
  uint32_t low, high;
  if (length == 0) return 0;
  if (length < sizeof low)
    return at[0] | (uint64_t)at[length / 2] << (8 * (length / 2)) |
           (uint64_t)at[length - 1] << (8 * (length - 1));
  memcpy(&low, at, sizeof low);
  memcpy(&high, at + length - sizeof high, sizeof high);
  return low | (uint64_t)high << (8 * (length - sizeof high));
}

/* Of the length, too, so that what follows can't be taken for a part of it. */
static inline uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t length)
{
  const uint8_t *at = bytes;
  uint64_t word;
  hash = hash_word(hash, length);
  for (; length >= sizeof word; at += sizeof word, length -= sizeof word) {
    memcpy(&word, at, sizeof word);
    hash = hash_word(hash, word);
  }
  return hash_word(hash, hash_rest(at, length));
}

#endif
