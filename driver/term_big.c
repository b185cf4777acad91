/* Integers of more than 64 bits, exactly.
 *
 * mruby gives no access to a big integer's bytes, its layout changes from version to version, and
 * its conversion to and from text takes time that grows with the square (10 KB: 0.1 s). So both
 * ways halve the number, again and again, with shifts, additions and subtractions, which all
 * versions from 3.3 on have: 10 KB take about a millisecond. Not used: mrb_bint_new_uint64, which
 * in 3.3.0 loses the upper half of its argument; and a right shift by more than the number's size,
 * which in 3.3.0 runs out of bounds.
 *
 * Guarantees: no method of Ruby is called. Thread: the interpreter's.
 */
#ifndef MRB_USE_BIGINT
#define MRB_USE_BIGINT /* makes internal.h declare what the gem mruby-bigint has */
#endif

#include "term_big.h"
#include "etf.h"

#include <mruby/internal.h>
#include <mruby/string.h>

#include <string.h>

#define SMALL 128 /* bytes of a magnitude that needs no memory from Ruby */

static mrb_value shifted_left(mrb_state *mrb, mrb_value value, size_t bytes)
{
  return mrb_bint_lshift(mrb, mrb_as_bint(mrb, value), (mrb_int)(8 * bytes));
}

static mrb_value from_bytes(mrb_state *mrb, const uint8_t *bytes, size_t length)
{
  if (length < sizeof(mrb_int)) {
    mrb_int value = 0;
    while (length > 0) value = value << 8 | bytes[--length];
    return mrb_int_value(mrb, value);
  }
  int arena = mrb_gc_arena_save(mrb);
  size_t half = length / 2;
  mrb_value low = from_bytes(mrb, bytes, half);
  mrb_value high = shifted_left(mrb, from_bytes(mrb, bytes + half, length - half), half);
  mrb_value value = mrb_bint_add(mrb, mrb_as_bint(mrb, high), low);
  mrb_gc_arena_restore(mrb, arena);
  mrb_gc_protect(mrb, value);
  return value;
}

mrb_value big_new(mrb_state *mrb, bool negative, const uint8_t *magnitude, size_t length)
{
  mrb_value value = from_bytes(mrb, magnitude, length);
  return negative ? mrb_bint_sub(mrb, mrb_bint_new_int(mrb, 0), value) : value;
}

/* Is 0 <= value < 2 ** (8 * bytes)? */
static bool fits(mrb_state *mrb, mrb_value value, size_t bytes)
{
  mrb_value bound = shifted_left(mrb, mrb_fixnum_value(1), bytes);
  return mrb_bint_cmp(mrb, value, bound) < 0;
}

/* Writes `size` bytes (4, 8, 16, …) of a value that is not negative and fits. */
static void to_bytes(mrb_state *mrb, mrb_value value, size_t size, uint8_t *out)
{
  if (!mrb_bigint_p(value)) {
    mrb_int small = mrb_integer(value);
    for (size_t i = 0; i < size; i++, small >>= 8) out[i] = (uint8_t)small;
    return;
  }
  int arena = mrb_gc_arena_save(mrb);
  size_t half = size / 2;
  mrb_value low = value, high = mrb_fixnum_value(0);
  if (!fits(mrb, value, half)) {
    high = mrb_bint_rshift(mrb, value, (mrb_int)(8 * half));
    low = mrb_bint_sub(mrb, value, shifted_left(mrb, high, half));
  }
  to_bytes(mrb, low, half, out);
  to_bytes(mrb, high, half, out + half);
  mrb_gc_arena_restore(mrb, arena);
}

bool big_put(mrb_state *mrb, struct buffer *buffer, mrb_value value, size_t most)
{
  uint8_t small[SMALL], *bytes = small;
  int arena = mrb_gc_arena_save(mrb);
  mrb_gc_protect(mrb, value);
  bool negative = mrb_bint_cmp(mrb, value, mrb_fixnum_value(0)) < 0;
  if (negative) value = mrb_bint_sub(mrb, mrb_bint_new_int(mrb, 0), value);
  size_t size = 8;
  while (mrb_bigint_p(value) && size < 2 * most && !fits(mrb, value, size)) size *= 2;
  bool good = size < 2 * most;
  if (good) {
    /* A string of Ruby's, so that an exception on the way leaves nothing behind. */
    if (size > SMALL) {
      mrb_value string = mrb_str_new(mrb, NULL, (mrb_int)size);
      bytes = (uint8_t *)RSTRING_PTR(string);
    }
    to_bytes(mrb, value, size, bytes);
    while (size > 0 && bytes[size - 1] == 0) size--;
    good = size <= most;
  }
  if (good) etf_put_big(buffer, negative, bytes, size);
  mrb_gc_arena_restore(mrb, arena);
  return good;
}
