/* Strings as JSON: see ruby_json_out.h. What is escaped, and how, is as in Ruby's json. */
#include "ruby_json_out.h"

#include "ruby.h"
#include "utf8.h"

#include <mruby/string.h>

#include <stdint.h>
#include <string.h>

/* Of one string, between two safe points. */
#define STEP ((size_t)64 << 10)

void json_out_init(struct json_out *out, mrb_state *mrb, const struct json_format *format)
{
  out->mrb = mrb;
  out->text = mrb_str_new(mrb, NULL, 0);
  out->length = 0;
  out->ascii_only = format->ascii_only;
  out->escape_slash = format->escape_slash || format->script_safe;
  out->escape_separators = format->script_safe;
}

static void flush(struct json_out *out)
{
  if (out->length > 0) mrb_str_cat(out->mrb, out->text, out->small, out->length);
  out->length = 0;
}

void json_out_put(struct json_out *out, const char *bytes, size_t length)
{
  if (length > sizeof out->small - out->length) {
    flush(out);
    if (length > sizeof out->small) {
      mrb_str_cat(out->mrb, out->text, bytes, length);
      return;
    }
  }
  memcpy(out->small + out->length, bytes, length);
  out->length += length;
}

mrb_value json_out_end(struct json_out *out)
{
  flush(out);
  return out->text;
}

/* --- escapes --- */

_Noreturn static void fail(struct json_out *out, const char *message)
{
  mrb_raise(out->mrb, ruby_of(out->mrb)->json.generator_error, message);
}

/* The character at `at`: its length and code. Ruby's own two errors for what is none. */
static size_t read_character(struct json_out *out, const uint8_t *at, const uint8_t *end,
                             uint32_t *code)
{
  size_t length = utf8_character(at, end), claimed = 1;
  if (length == 0) {
    for (uint8_t bits = *at; bits >= 0xc0 && claimed < 6; bits = (uint8_t)(bits << 1)) claimed++;
    fail(out, claimed > (size_t)(end - at) ? "partial character in source, but hit end"
                                           : "source sequence is illegal/malformed utf-8");
  }
  *code = utf8_code(at, length);
  return length;
}

static void put_unit(struct json_out *out, uint32_t unit)
{
  static const char digits[] = "0123456789abcdef";
  const char text[6] = {'\\',
                        'u',
                        digits[unit >> 12 & 15],
                        digits[unit >> 8 & 15],
                        digits[unit >> 4 & 15],
                        digits[unit & 15]};
  json_out_put(out, text, sizeof text);
}

static void put_escaped(struct json_out *out, uint32_t code)
{
  static const char short_ones[] = "\bb\ff\nn\rr\tt\"\"\\\\//";
  for (size_t i = 0; code < 0x80 && i + 1 < sizeof short_ones; i += 2) {
    if ((uint8_t)short_ones[i] != code) continue;
    const char text[2] = {'\\', short_ones[i + 1]};
    json_out_put(out, text, sizeof text);
    return;
  }
  if (code >= 0x10000) {
    put_unit(out, 0xd800 + ((code - 0x10000) >> 10));
    code = 0xdc00 + ((code - 0x10000) & 0x3ff);
  }
  put_unit(out, code);
}

/* Is it written as it is? Of ASCII. */
static bool is_plain(const struct json_out *out, uint8_t byte)
{
  return byte >= 0x20 && byte != '"' && byte != '\\' && (byte != '/' || !out->escape_slash);
}

/* Writes what begins before `stop`, and gives where the next character begins. */
static const uint8_t *escape(struct json_out *out, const uint8_t *at, const uint8_t *stop,
                             const uint8_t *end)
{
  const uint8_t *run = at; /* from here on nothing had to be escaped */
  while (at < stop) {
    uint32_t code = *at;
    size_t length = 1;
    if (code < 0x80) {
      if (is_plain(out, *at)) {
        at++;
        continue;
      }
    } else {
      length = read_character(out, at, end, &code);
      if (!out->ascii_only && !(out->escape_separators && (code == 0x2028 || code == 0x2029))) {
        at += length;
        continue;
      }
    }
    json_out_put(out, (const char *)run, (size_t)(at - run));
    put_escaped(out, code);
    run = at += length;
  }
  json_out_put(out, (const char *)run, (size_t)(at - run));
  return at;
}

void json_out_text(struct json_out *out, const char *bytes, size_t length)
{
  const uint8_t *at = (const uint8_t *)bytes;
  json_out_put(out, "\"", 1);
  escape(out, at, at + length, at + length);
  json_out_put(out, "\"", 1);
}

void json_out_string(struct json_out *out, mrb_value string)
{
  size_t done = 0;
  json_out_put(out, "\"", 1);
  for (;;) { /* no Ruby code runs meanwhile, so the string stays as it is */
    const uint8_t *bytes = (const uint8_t *)RSTRING_PTR(string);
    size_t length = (size_t)RSTRING_LEN(string), stop = length - done > STEP ? done + STEP : length;
    done = (size_t)(escape(out, bytes + done, bytes + stop, bytes + length) - bytes);
    if (done >= length) break;
    slice_checkpoint(ruby_of(out->mrb)->slice);
  }
  json_out_put(out, "\"", 1);
}
