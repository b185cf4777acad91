/* Floats as text and text as Floats: see float_text.h. */
#include "float_text.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <mruby/class.h>
#include <mruby/numeric.h>
#include <mruby/string.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

/* No double has more digits behind its point than 1074; what is asked for beyond are zeros. So the C
 * library needs no memory but the stack, and little time. */
#define DIGITS_MAX      1100
#define FORMATTED_BYTES (310 + 1 + DIGITS_MAX + 1)

/* A number of more characters is read where it stands. */
#define NUMBER_BYTES 400

int __wrap_mrb_format_float(mrb_float number, char *text, size_t size, char form, int precision,
                            char sign);
mrb_bool __wrap_mrb_read_float(const char *text, char **end, double *number);

/* --- to text --- */

/* As mruby's: `form` is one of eEfFgG, with its highest bit set for the # of a format; `sign` is '+', ' ' or 0.
 * Returns the length of the text, which is cut off where it does not fit. */
int __wrap_mrb_format_float(mrb_float number, char *text, size_t size, char form, int precision,
                            char sign)
{
  char made[FORMATTED_BYTES + 1], format[8], *next = format;
  bool alternative = ((unsigned char)form & 0x80) != 0;
  int digits = precision < 0 ? 6 : precision < DIGITS_MAX ? precision : DIGITS_MAX;
  if (size == 0) return 0;
  form = (char)(form & 0x7f);
  *next++ = '%';
  if (sign) *next++ = sign;
  if (alternative) *next++ = '#';
  *next++ = '.';
  *next++ = '*';
  *next++ = form;
  *next = '\0';
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  int length = snprintf(made, sizeof made, format, digits, number);
#pragma GCC diagnostic pop
  if (length < 0) length = 0;
  bool in_full = alternative || (form | 0x20) != 'g'; /* g leaves zeros out */
  size_t zeros =
      precision > digits && isfinite(number) && in_full ? (size_t)(precision - digits) : 0;
  size_t head = (form | 0x20) == 'f' ? (size_t)length : strcspn(made, "eE");
  size_t tail = (size_t)length - head, room = size - 1;
  if (head > room) head = room;
  if (tail > room - head) tail = room - head;
  if (zeros > room - head - tail) zeros = room - head - tail;
  memcpy(text, made, head);
  memset(text + head, '0', zeros);
  memcpy(text + head + zeros, made + length - (int)tail, tail);
  text[head + zeros + tail] = '\0';
  return (int)(head + zeros + tail);
}

/* Where the point may be without an exponent: from 0.0001 on, and below 1.0e+15; a number that takes all
 * 17 digits may have one more before its point. */
#define SMALLEST_POINT (-3)
#define LARGEST_POINT  15

/* A shortest text as digits without zeros at the ends, and where among them the point is. */
struct digits {
  char digits[FLOAT_TEXT_BYTES];
  int count, point;
};

/* Of a text like yyjson's, "12.5e-7". */
static void take_digits(struct digits *d, const char *text, size_t length)
{
  bool after = false;
  int exponent = 0;
  d->count = d->point = 0;
  for (size_t i = 0; i < length; i++) {
    if (text[i] == 'e') {
      exponent = (int)strtol(text + i + 1, NULL, 10);
      break;
    }
    if (text[i] == '.') {
      after = true;
      continue;
    }
    bool begun = d->count > 0 || text[i] != '0';
    if (begun) d->digits[d->count++] = text[i];
    if (begun != after) d->point += begun ? 1 : -1;
  }
  while (d->count > 0 && d->digits[d->count - 1] == '0') d->count--;
  d->point += exponent;
}

/* yyjson finds the digits that David Gay's functions find for CRuby, and much faster than the C library
 * could be asked for ever more of them. `number` is positive. */
static void shortest_digits(struct digits *d, double number)
{
  char memory[1024]; /* for all that yyjson allocates */
  size_t length = 0;
  yyjson_alc pool;
  yyjson_val value = {0};
  unsafe_yyjson_set_real(&value, number);
  const char *text = NULL;
  if (yyjson_alc_pool_init(&pool, memory, sizeof memory))
    text = yyjson_val_write_opts(&value, YYJSON_WRITE_NOFLAG, &pool, &length, NULL);
  assert(text && length < FLOAT_TEXT_BYTES);
  take_digits(d, text, length);
}

static char *put(char *at, const char *bytes, int count)
{
  memcpy(at, bytes, (size_t)count);
  return at + count;
}

static char *put_zeros(char *at, int count)
{
  memset(at, '0', (size_t)count);
  return at + count;
}

static char *put_exponent(char *at, int exponent)
{
  int size = abs(exponent);
  *at++ = 'e';
  *at++ = exponent < 0 ? '-' : '+';
  if (size >= 100) *at++ = (char)('0' + size / 100);
  *at++ = (char)('0' + size / 10 % 10);
  *at++ = (char)('0' + size % 10);
  return at;
}

static char *lay_out(const struct digits *d, char *at)
{
  int count = d->count, point = d->point;
  if (point < SMALLEST_POINT || point > LARGEST_POINT + (count > LARGEST_POINT + 1)) {
    at = put(put(at, d->digits, 1), ".", 1);
    at = count > 1 ? put(at, d->digits + 1, count - 1) : put(at, "0", 1);
    return put_exponent(at, point - 1);
  }
  if (point <= 0) return put(put_zeros(put(at, "0.", 2), -point), d->digits, count);
  if (point >= count) return put(put_zeros(put(at, d->digits, count), point - count), ".0", 2);
  at = put(put(at, d->digits, point), ".", 1);
  return put(at, d->digits + point, count - point);
}

size_t float_text_write(double number, char text[FLOAT_TEXT_BYTES])
{
  struct digits d;
  char *at = text;
  if (isnan(number)) return (size_t)(put(text, "NaN", 3) - text);
  if (signbit(number)) *at++ = '-';
  if (isinf(number)) {
    at = put(at, "Infinity", 8);
  } else if (number == 0) {
    at = put(at, "0.0", 3);
  } else {
    shortest_digits(&d, fabs(number));
    at = lay_out(&d, at);
  }
  return (size_t)(at - text);
}

static mrb_value float_to_s(mrb_state *mrb, mrb_value self)
{
  char text[FLOAT_TEXT_BYTES];
  size_t length = float_text_write(mrb_float(self), text);
  return mrb_str_new(mrb, text, (mrb_int)length);
}

/* --- from text --- */

static const char *skip_digits(const char *at)
{
  while (isdigit((unsigned char)*at)) at++;
  return at;
}

/* The end of a decimal number that begins here; the same place if there is none. strtod alone would also
 * take "0x1p3", "inf" and "nan". */
static const char *decimal_end(const char *text)
{
  const char *at = text;
  if (*at == '-' || *at == '+') at++;
  const char *whole = at;
  at = skip_digits(at);
  bool has_digits = at > whole;
  if (*at == '.' && isdigit((unsigned char)at[1])) {
    at = skip_digits(at + 1);
    has_digits = true;
  }
  if (!has_digits) return text;
  if (*at == 'e' || *at == 'E') {
    const char *exponent = at + 1;
    if (*exponent == '-' || *exponent == '+') exponent++;
    if (isdigit((unsigned char)*exponent)) at = skip_digits(exponent);
  }
  return at;
}

/* As mruby's: false, and 0.0, if the text does not begin with a number. */
mrb_bool __wrap_mrb_read_float(const char *text, char **end, double *number)
{
  const char *start = text;
  while (isspace((unsigned char)*start)) start++;
  const char *stop = decimal_end(start);
  size_t length = (size_t)(stop - start);
  char copy[NUMBER_BYTES];
  *number = 0.0;
  if (length > 0 && length < sizeof copy) {
    memcpy(copy, start, length);
    copy[length] = '\0';
    *number = strtod(copy, NULL);
  } else if (length > 0) {
    *number = strtod(start, NULL); /* too long for "0x": that ends behind its 0 */
  }
  if (end) memcpy(end, length > 0 ? &stop : &text, sizeof *end); /* const, for the caller's sake */
  return length > 0;
}

void float_text_init(mrb_state *mrb)
{
  mrb_define_method(mrb, mrb->float_class, "to_s", float_to_s, MRB_ARGS_NONE());
  mrb_define_method(mrb, mrb->float_class, "inspect", float_to_s, MRB_ARGS_NONE());
}
