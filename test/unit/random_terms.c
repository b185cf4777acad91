/* Random terms for the tests of etf and term. */
#include "random_terms.h"
#include "etf.h"

#include <string.h>

uint64_t random_next(struct random *random)
{
  uint64_t z = random->state += UINT64_C(0x9E3779B97F4A7C15);
  z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
  z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
  return z ^ z >> 31;
}

size_t random_below(struct random *random, size_t bound)
{
  return (size_t)(random_next(random) % bound);
}

static void random_bytes(struct random *random, uint8_t *bytes, size_t length)
{
  for (size_t i = 0; i < length; i++) bytes[i] = (uint8_t)random_next(random);
}

static void random_big(struct random *random, struct buffer *buffer)
{
  uint8_t magnitude[300];
  size_t length = 1 + random_below(random, random_below(random, 8) == 0 ? sizeof magnitude : 12);
  random_bytes(random, magnitude, length);
  etf_put_big(buffer, random_next(random) & 1, magnitude, length);
}

static void random_double(struct random *random, struct buffer *buffer)
{
  double number;
  do {
    uint64_t bits = random_next(random);
    memcpy(&number, &bits, sizeof bits);
  } while (number - number != 0.0); /* NaN, infinity */
  etf_put_float(buffer, number);
}

static void random_atom(struct random *random, struct buffer *buffer)
{
  static const char *const names[] = {
      "ok",   "true", "false", "nil", "undefined", "", "a b", "\xcf\x80r", "Elixir.Some.Module",
      "error"};
  const char *name = names[random_below(random, sizeof names / sizeof *names)];
  etf_put_atom(buffer, name, strlen(name));
}

static void random_binary(struct random *random, struct buffer *buffer)
{
  uint8_t bytes[400];
  size_t length = random_below(random, random_below(random, 16) == 0 ? sizeof bytes : 20);
  random_bytes(random, bytes, length);
  etf_put_binary(buffer, bytes, length);
}

static void random_opaque(struct random *random, struct buffer *buffer)
{
  static const uint8_t pid[] = {88, 119, 1, 'n', 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 3};
  static const uint8_t port[] = {120, 100, 0, 1, 'n', 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 3};
  static const uint8_t reference[] = {90, 0, 2, 119, 1, 'n', 0, 0, 0, 3, 1, 2, 3, 4, 5, 6, 7, 8};
  static const uint8_t fun[] = {113, 100, 0, 1, 'm', 119, 1, 'f', 97, 2};
  switch (random_below(random, 4)) {
  case 0: etf_put_raw(buffer, pid, sizeof pid); break;
  case 1: etf_put_raw(buffer, port, sizeof port); break;
  case 2: etf_put_raw(buffer, reference, sizeof reference); break;
  case 3: etf_put_raw(buffer, fun, sizeof fun); break;
  }
}

static void random_terms(struct random *random, struct buffer *buffer, size_t count, unsigned depth)
{
  for (size_t i = 0; i < count; i++) random_term(random, buffer, depth);
}

static void random_map(struct random *random, struct buffer *buffer, unsigned depth)
{
  size_t count = random_below(random, random_below(random, 8) == 0 ? 40 : 5);
  etf_put_map(buffer, (uint32_t)count);
  for (size_t i = 0; i < count; i++) {
    if (random_below(random, 4) == 0) { /* a key of any kind, made unlike the others by a tuple */
      etf_put_tuple(buffer, 2);
      etf_put_integer(buffer, (int64_t)i);
      random_term(random, buffer, depth);
    } else {
      etf_put_integer(buffer, (int64_t)i - 2);
    }
    random_term(random, buffer, depth);
  }
}

void random_term(struct random *random, struct buffer *buffer, unsigned depth)
{
  size_t count = random_below(random, 5);
  switch (random_below(random, depth > 0 ? 13 : 10)) {
  case 0: etf_put_integer(buffer, (int64_t)random_below(random, 300) - 20); break;
  case 1: etf_put_integer(buffer, (int32_t)random_next(random)); break;
  case 2: etf_put_integer(buffer, (int64_t)random_next(random)); break;
  case 3: random_big(random, buffer); break;
  case 4: random_double(random, buffer); break;
  case 5:
  case 6: random_atom(random, buffer); break;
  case 7: random_binary(random, buffer); break;
  case 8: random_opaque(random, buffer); break;
  case 9: etf_put_nil(buffer); break;
  case 10:
    etf_put_tuple(buffer, (uint32_t)count);
    random_terms(random, buffer, count, depth - 1);
    break;
  case 11:
    etf_put_list(buffer, (uint32_t)count + 1);
    random_terms(random, buffer, count + 1, depth - 1);
    etf_put_nil(buffer);
    break;
  case 12: random_map(random, buffer, depth - 1); break;
  }
}
