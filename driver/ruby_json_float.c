/* A Float in the fewest digits that give the same Float again, laid out as Ruby's to_s does. The
 * digits are yyjson's; mruby's own to_s has others. */
#include "ruby_json_write.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

/* Where the point may be without an exponent: from 0.0001 on, and below 1.0e+15. */
#define SMALLEST_POINT (-3)
#define LARGEST_POINT  15

/* yyjson's text, "12.5e-7" or the like, as digits without zeros at the ends; returns where among them
 * the point is. */
static int digits_of(const char *text, size_t length, char *digits, size_t *count)
{
  int point = 0, exponent = 0;
  bool after = false, begun = false;
  *count = 0;
  for (size_t i = 0; i < length; i++) {
    if (text[i] == 'e' || text[i] == 'E') {
      exponent = (int)strtol(text + i + 1, NULL, 10);
      break;
    }
    if (text[i] == '.') after = true;
    if (text[i] < '0' || text[i] > '9') continue;
    begun = begun || text[i] != '0';
    if (begun) digits[(*count)++] = text[i];
    if (begun && !after) point++;
    if (!begun && after) point--;
  }
  while (*count > 1 && digits[*count - 1] == '0') (*count)--;
  return point + exponent;
}

/* Zeros that the digits need before and behind them, with the point in between. */
static size_t lay_out(const char *digits, int count, int point, char *text)
{
  int at = 0;
  if (point < SMALLEST_POINT || point > LARGEST_POINT)
    return (size_t)snprintf(text, JSON_FLOAT_BYTES, "%c.%.*se%+03d", digits[0],
                            count > 1 ? count - 1 : 1, count > 1 ? digits + 1 : "0", point - 1);
  if (point <= 0) {
    text[at++] = '0';
    text[at++] = '.';
    for (int i = point; i < 0; i++) text[at++] = '0';
  }
  for (int i = 0; i < count; i++) {
    if (i == point && point > 0) text[at++] = '.';
    text[at++] = digits[i];
  }
  for (int i = count; i < point; i++) text[at++] = '0';
  if (point >= count && point > 0) {
    text[at++] = '.';
    text[at++] = '0';
  }
  return (size_t)at;
}

static size_t put_word(char *text, const char *word)
{
  size_t length = strlen(word);
  memcpy(text, word, length);
  return length;
}

size_t json_write_float(double number, char text[JSON_FLOAT_BYTES])
{
  char memory[1024], digits[64] = "0";
  size_t count = 0, length = 0, sign = signbit(number) && !isnan(number);
  yyjson_alc alc;
  yyjson_val value = {0};
  if (isnan(number)) return put_word(text, "NaN");
  if (isinf(number)) return put_word(text, sign ? "-Infinity" : "Infinity");
  if (sign) *text = '-';
  if (number == 0) return sign + put_word(text + sign, "0.0");
  /* A pool on the stack: nothing is allocated. */
  if (!yyjson_alc_pool_init(&alc, memory, sizeof memory)) return 0;
  unsafe_yyjson_set_real(&value, fabs(number));
  const char *written = yyjson_val_write_opts(&value, YYJSON_WRITE_NOFLAG, &alc, &length, NULL);
  if (!written || length >= sizeof digits) return 0;
  int point = digits_of(written, length, digits, &count);
  return sign + lay_out(digits, (int)count, point, text + sign);
}
