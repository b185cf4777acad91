/* How regular expressions are written: see ruby_regexp_source.h. */
#include "ruby_regexp_source.h"

#include "ruby.h"
#include "utf8.h"

#include <mruby/error.h>
#include <mruby/string.h>
#include <stdio.h>
#include <string.h>

static int hex(char digit)
{
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

_Noreturn static void bad_source(mrb_state *mrb, const char *why, mrb_value source)
{
  mrb_raisef(mrb, ruby_of(mrb)->regexp_error, "%s: /%v/", why, source);
}

/* One character. ASCII stays an escape: it may be an operator. */
static void add_character(mrb_state *mrb, mrb_value pattern, uint32_t code)
{
  char bytes[8];
  if (code < 0x80) {
    (void)snprintf(bytes, sizeof bytes, "\\x%02X", (unsigned)code);
    mrb_str_cat_cstr(mrb, pattern, bytes);
    return;
  }
  size_t count = 0;
  if (code >= 0x10000)
    bytes[count++] = (char)(0xf0 | code >> 18), bytes[count++] = (char)(0x80 | (code >> 12 & 0x3f));
  else if (code >= 0x800)
    bytes[count++] = (char)(0xe0 | code >> 12);
  if (code >= 0x800)
    bytes[count++] = (char)(0x80 | (code >> 6 & 0x3f));
  else
    bytes[count++] = (char)(0xc0 | code >> 6);
  bytes[count++] = (char)(0x80 | (code & 0x3f));
  mrb_str_cat(mrb, pattern, bytes, count);
}

/* Digits of a character at `at`; how many they are. */
static size_t read_code(mrb_state *mrb, mrb_value source, const char *at, const char *end,
                        size_t most, uint32_t *code)
{
  size_t count = 0;
  for (*code = 0; count < most && at + count < end && hex(at[count]) >= 0; count++)
    *code = *code * 16 + (uint32_t)hex(at[count]);
  if (count == 0) bad_source(mrb, "invalid Unicode escape", source);
  if (*code > 0x10ffff || (*code >= 0xd800 && *code < 0xe000))
    bad_source(mrb, "invalid Unicode range", source);
  return count;
}

/* What follows \u. How many bytes it takes. */
static size_t add_unicode(mrb_state *mrb, mrb_value pattern, mrb_value source, const char *at,
                          const char *end, unsigned *options)
{
  const char *begin = at;
  uint32_t code = 0;
  if (at < end && *at == '{') {
    at++;
    do {
      while (at < end && (*at == ' ' || *at == '\t')) at++;
      at += read_code(mrb, source, at, end, 6, &code);
      if (code >= 0x80) *options |= REGEXP_FIXEDENCODING;
      add_character(mrb, pattern, code);
      while (at < end && (*at == ' ' || *at == '\t')) at++;
    } while (at < end && *at != '}');
    if (at == end) bad_source(mrb, "unterminated Unicode escape", source);
    return (size_t)(at + 1 - begin);
  }
  if (end - at < 4) bad_source(mrb, "too short escape sequence", source);
  if (read_code(mrb, source, at, end, 4, &code) < 4)
    bad_source(mrb, "invalid Unicode escape", source);
  if (code >= 0x80) *options |= REGEXP_FIXEDENCODING;
  add_character(mrb, pattern, code);
  return 4;
}

/* An escape that is for one encoding alone: \p{…}, \xe4 */
static bool is_unicode(const char *at, const char *end)
{
  if (at[1] == 'p' || at[1] == 'P') return true;
  return at[1] == 'x' && end - at >= 4 && hex(at[2]) >= 8 && hex(at[3]) >= 0;
}

mrb_value ruby_regexp_pattern(mrb_state *mrb, mrb_value source, unsigned *options)
{
  const char *at = RSTRING_PTR(source), *end = at + RSTRING_LEN(source), *done = at;
  if (*options & REGEXP_NOENCODING) return source;
  if (utf8_look_at(at, (size_t)(end - at)) == UTF8_VALID) *options |= REGEXP_FIXEDENCODING;
  mrb_value pattern = mrb_nil_value();
  for (; (at = memchr(at, '\\', (size_t)(end - at))) && end - at >= 2;) {
    if (at[1] != 'u') {
      if (is_unicode(at, end)) *options |= REGEXP_FIXEDENCODING;
      at += 2;
      continue;
    }
    if (mrb_nil_p(pattern)) pattern = mrb_str_new_capa(mrb, RSTRING_LEN(source));
    mrb_str_cat(mrb, pattern, done, (size_t)(at - done));
    at += 2;
    done = at += add_unicode(mrb, pattern, source, at, end, options);
  }
  if (mrb_nil_p(pattern)) return source;
  mrb_str_cat(mrb, pattern, done, (size_t)(end - done));
  return pattern;
}

mrb_value ruby_regexp_escape(mrb_state *mrb, mrb_value text)
{
  static const char plain[] = "[]{}()|-*.\\?+^$# ", spaces[] = "\t\f\v\n\r", letters[] = "tfvnr";
  const char *at = RSTRING_PTR(text), *end = at + RSTRING_LEN(text), *done = at;
  mrb_value escaped = mrb_str_new_capa(mrb, RSTRING_LEN(text) + 8);
  for (; at < end; at++) {
    const char *space = *at ? strchr(spaces, *at) : NULL;
    if (!space && (*at == '\0' || !strchr(plain, *at))) continue;
    mrb_str_cat(mrb, escaped, done, (size_t)(at - done));
    mrb_str_cat_lit(mrb, escaped, "\\");
    mrb_str_cat(mrb, escaped, space ? &letters[space - spaces] : at, 1);
    done = at + 1;
  }
  mrb_str_cat(mrb, escaped, done, (size_t)(end - done));
  return escaped;
}

/* The source as it may stand between slashes. */
static void add_source(mrb_state *mrb, mrb_value text, const char *at, size_t length)
{
  const char *end = at + length, *done = at;
  char escape[8];
  while (at < end) {
    unsigned char byte = (unsigned char)*at;
    if (byte == '\\' && at + 1 < end) {
      at += 2;
      continue;
    }
    bool space = byte == ' ' || (byte >= '\t' && byte <= '\r');
    if (byte == '/' || (!space && (byte < ' ' || byte == 0x7f))) {
      mrb_str_cat(mrb, text, done, (size_t)(at - done));
      (void)snprintf(escape, sizeof escape, byte == '/' ? "\\/" : "\\x%02X", byte);
      mrb_str_cat_cstr(mrb, text, escape);
      done = at + 1;
    }
    at++;
  }
  mrb_str_cat(mrb, text, done, (size_t)(end - done));
}

static void add_options(mrb_state *mrb, mrb_value text, unsigned options)
{
  if (options & REGEXP_MULTILINE) mrb_str_cat_lit(mrb, text, "m");
  if (options & REGEXP_IGNORECASE) mrb_str_cat_lit(mrb, text, "i");
  if (options & REGEXP_EXTENDED) mrb_str_cat_lit(mrb, text, "x");
}

static unsigned option_of(char letter)
{
  if (letter == 'm') return REGEXP_MULTILINE;
  if (letter == 'i') return REGEXP_IGNORECASE;
  if (letter == 'x') return REGEXP_EXTENDED;
  return 0;
}

/* A source that begins with options, (?i)…, or is one group with them, (?i-mx:…), is told with those:
 * the rest of it and them. */
static bool unwrap(mrb_state *mrb, const char **source, size_t *length, unsigned *options)
{
  const char *at = *source, *end = at + *length;
  char why[ONIG_MAX_ERROR_MESSAGE_LEN];
  unsigned found = *options;
  if (*length < 4 || memcmp(at, "(?", 2) != 0) return false;
  for (at += 2; at < end && option_of(*at); at++) found |= option_of(*at);
  if (at < end && *at == '-')
    for (at++; at < end && option_of(*at); at++) found &= ~option_of(*at);
  if (at < end && *at == ')') {
    *source = ++at;
    *length = (size_t)(end - at);
    *options = found;
    return unwrap(mrb, source, length, options);
  }
  if (at == end || *at != ':' || end[-1] != ')') return false;
  size_t inside = (size_t)(end - 1 - ++at);
  /* Else the group ends earlier, and another one at the end. */
  mrb_value pattern = ruby_regexp_pattern(mrb, mrb_str_new(mrb, at, (mrb_int)inside), &found);
  struct regexp *regexp = regexp_compile(mrb, RSTRING_PTR(pattern), (size_t)RSTRING_LEN(pattern),
                                         at, inside, found, why);
  if (!regexp) return false;
  regexp_close(mrb, regexp);
  *source = at;
  *length = inside;
  *options = found;
  return true;
}

mrb_value ruby_regexp_to_s(mrb_state *mrb, const struct regexp *regexp)
{
  const unsigned all = REGEXP_MULTILINE | REGEXP_IGNORECASE | REGEXP_EXTENDED;
  const char *source = regexp->source;
  size_t length = regexp->length;
  unsigned options = regexp->options;
  unwrap(mrb, &source, &length, &options);
  mrb_value text = mrb_str_new_lit(mrb, "(?");
  add_options(mrb, text, options);
  if ((options & all) != all) mrb_str_cat_lit(mrb, text, "-");
  add_options(mrb, text, ~options);
  mrb_str_cat_lit(mrb, text, ":");
  add_source(mrb, text, source, length);
  mrb_str_cat_lit(mrb, text, ")");
  return text;
}

mrb_value ruby_regexp_inspect(mrb_state *mrb, const struct regexp *regexp)
{
  mrb_value text = mrb_str_new_lit(mrb, "/");
  add_source(mrb, text, regexp->source, regexp->length);
  mrb_str_cat_lit(mrb, text, "/");
  add_options(mrb, text, regexp->options);
  if (regexp->options & REGEXP_NOENCODING) mrb_str_cat_lit(mrb, text, "n");
  return text;
}
