/* Floats as text and text as Floats: see float_text.h. */
#include "float_text.h"

#include <ctype.h>
#include <math.h>
#include <mruby/class.h>
#include <mruby/numeric.h>
#include <mruby/string.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* No double has more digits behind its point than 1074; what is asked for beyond are zeros. So the C
 * library needs no memory but the stack, and little time. */
#define DIGITS_MAX      1100
#define FORMATTED_BYTES (310 + 1 + DIGITS_MAX + 1)

/* All digits that a double needs, and an end */
#define DIGITS_BYTES 20

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

/* Digits of the shortest text, without a point, and the exponent of the first. */
static int shortest_digits(double number, char digits[DIGITS_BYTES])
{
  char text[FLOAT_TEXT_BYTES];
  int precision = number < 1e-290 ? 1 : 15; /* the smallest have fewer digits */
  do (void)snprintf(text, sizeof text, "%.*e", precision - 1, number);
  while (strtod(text, NULL) != number && ++precision <= 17);
  const char *exponent = strchr(text, 'e');
  size_t count = 0;
  for (const char *in = text; in < exponent; in++)
    if (*in != '.') digits[count++] = *in;
  while (count > 1 && digits[count - 1] == '0') count--;
  digits[count] = '\0';
  return (int)strtol(exponent + 1, NULL, 10);
}

void float_text_shortest(double number, char text[FLOAT_TEXT_BYTES])
{
  char digits[DIGITS_BYTES];
  const char *sign = signbit(number) ? "-" : "";
  int first = shortest_digits(fabs(number), digits), count = (int)strlen(digits);
  if (first < -4 || first > 15 || (first == 15 && count <= 16))
    (void)snprintf(text, FLOAT_TEXT_BYTES, "%s%c.%se%c%02d", sign, digits[0],
                   count > 1 ? digits + 1 : "0", first < 0 ? '-' : '+', abs(first));
  else if (first < 0)
    (void)snprintf(text, FLOAT_TEXT_BYTES, "%s0.%.*s%s", sign, -first - 1, "0000", digits);
  else if (count <= first + 1)
    (void)snprintf(text, FLOAT_TEXT_BYTES, "%s%s%.*s.0", sign, digits, first + 1 - count,
                   "0000000000000000");
  else
    (void)snprintf(text, FLOAT_TEXT_BYTES, "%s%.*s.%s", sign, first + 1, digits,
                   digits + first + 1);
}

static mrb_value float_to_s(mrb_state *mrb, mrb_value self)
{
  mrb_float number = mrb_float(self);
  char text[FLOAT_TEXT_BYTES];
  if (isnan(number)) return mrb_str_new_lit(mrb, "NaN");
  if (isinf(number))
    return number < 0 ? mrb_str_new_lit(mrb, "-Infinity") : mrb_str_new_lit(mrb, "Infinity");
  float_text_shortest(number, text);
  return mrb_str_new_cstr(mrb, text);
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
