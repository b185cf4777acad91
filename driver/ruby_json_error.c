/* Where a text is wrong, in the words of Ruby's json: see ruby_json_error.h.
 *
 * Called for texts that yyjson has refused (and for those with NaN in them), so it may take its time. The
 * rules are those of json 2.6 as it behaves: what is wrong in an array is told from there on, what is
 * wrong in an object from the beginning of the object, or of the outermost one of several that are
 * directly in each other. */
#include "ruby_json_error.h"

#include "ruby.h"

#include <mruby/error.h>
#include <mruby/string.h>

#include <stdint.h>
#include <string.h>

/* Of the text that a message shows. */
#define SHOWN ((size_t)32 << 10)

/* Bytes and tokens between two safe points. */
#define STEP 4096

#define IN_ARRAY SIZE_MAX

enum expected { VALUE, FIRST_VALUE, AFTER_VALUE, KEY, FIRST_KEY, COLON };

struct walk {
  mrb_state *mrb;
  mrb_value text;
  mrb_int max_nesting;
  bool allow_nan;
  const char *start, *at, *end;
  mrb_value levels; /* a String of ours: for each, where its object is told from, or IN_ARRAY */
  size_t depth;
  uint32_t ticks;
};

void json_fail_at(mrb_state *mrb, mrb_value text, size_t at)
{
  const char *rest = RSTRING_PTR(text) + at;
  size_t length = (size_t)RSTRING_LEN(text) - at;
  const char *zero = memchr(rest, 0, length);
  if (zero) length = (size_t)(zero - rest);
  if (length > SHOWN)
    for (length = SHOWN; length > SHOWN - 4 && (rest[length] & 0xc0) == 0x80;) length--;
  mrb_value shown = mrb_str_new(mrb, rest, (mrb_int)length);
  mrb_raisef(mrb, ruby_of(mrb)->json.parser_error, "unexpected token at '%v'", shown);
}

static size_t *level(struct walk *w)
{
  return (size_t *)(void *)RSTRING_PTR(w->levels) + w->depth - 1;
}

_Noreturn static void fail(struct walk *w, const char *at)
{
  size_t from = (size_t)(at - w->start);
  if (w->depth > 0 && *level(w) != IN_ARRAY) from = *level(w);
  json_fail_at(w->mrb, w->text, from);
}

static void tick(struct walk *w)
{
  if (--w->ticks > 0) return;
  w->ticks = STEP;
  slice_checkpoint(ruby_of(w->mrb)->slice);
}

static void enter(struct walk *w, bool object)
{
  size_t from = IN_ARRAY;
  if (object) {
    bool outermost = w->depth == 0 || *level(w) == IN_ARRAY;
    from = outermost ? (size_t)(w->at - w->start) : *level(w);
  }
  w->depth++;
  if (w->max_nesting > 0 && w->depth > (size_t)w->max_nesting)
    mrb_raisef(w->mrb, ruby_of(w->mrb)->json.nesting_error, "nesting of %i is too deep",
               (mrb_int)w->depth);
  if (w->depth * sizeof from > (size_t)RSTRING_LEN(w->levels))
    w->levels = mrb_str_resize(w->mrb, w->levels, RSTRING_LEN(w->levels) * 2);
  *level(w) = from;
}

/* --- what is no token --- */

/* The first slash is behind us. */
static void skip_comment(struct walk *w)
{
  if (w->at < w->end && *w->at == '/') {
    while (w->at < w->end && *w->at != '\n') w->at++, tick(w);
    return;
  }
  if (w->at == w->end || *w->at != '*') fail(w, w->at);
  for (w->at++; w->end - w->at >= 2; w->at++, tick(w)) {
    if (w->at[0] != '*' || w->at[1] != '/') continue;
    w->at += 2;
    return;
  }
  fail(w, w->end);
}

static void skip(struct walk *w)
{
  for (; w->at < w->end; tick(w)) {
    if (*w->at == '/') {
      w->at++;
      skip_comment(w);
    } else if (memchr(" \t\r\n", *w->at, 4)) {
      w->at++;
    } else {
      return;
    }
  }
}

/* --- tokens --- */

/* Four hexadecimal digits at `at`, or -1. */
static int32_t read_unit(const char *at, const char *end)
{
  int32_t unit = 0;
  if (end - at < 4) return -1;
  for (unsigned i = 0; i < 4; i++) {
    uint8_t c = (uint8_t)at[i], lower = c | 0x20;
    if (c >= '0' && c <= '9')
      unit = unit * 16 + (c - '0');
    else if (lower >= 'a' && lower <= 'f')
      unit = unit * 16 + (lower - 'a' + 10);
    else
      return -1;
  }
  return unit;
}

/* What is behind the backslash at `at`; gives its length with the backslash, 0 if it is no escape. *lonely:
 * half of a pair. */
static size_t read_escape(const char *at, const char *end, bool *lonely)
{
  if (end - at < 2) return 0;
  if (at[1] != 'u') return memchr("\"\\/bfnrt", at[1], 8) ? 2 : 0;
  int32_t unit = read_unit(at + 2, end), other;
  if (unit < 0 || (unit >= 0xdc00 && unit < 0xe000)) return 0;
  if (unit < 0xd800 || unit >= 0xdc00) return 6;
  *lonely = end - at < 8 || at[6] != '\\' || at[7] != 'u';
  if (*lonely) return 6;
  other = read_unit(at + 8, end);
  return other >= 0xdc00 && other < 0xe000 ? 12 : 0;
}

static void skip_string(struct walk *w)
{
  const char *start = w->at, *lonely_one = NULL;
  for (w->at++; w->at < w->end && *w->at != '"'; tick(w)) {
    bool lonely = false;
    size_t length = 1;
    if ((uint8_t)*w->at < 0x20) fail(w, start);
    if (*w->at == '\\') length = read_escape(w->at, w->end, &lonely);
    if (length == 0) fail(w, start);
    if (lonely && !lonely_one) lonely_one = w->at;
    w->at += length;
  }
  if (w->at >= w->end) fail(w, start);
  w->at++;
  if (!lonely_one) return;
  size_t rest = (size_t)(w->end - lonely_one);
  mrb_value shown = mrb_str_new(w->mrb, lonely_one, (mrb_int)(rest < SHOWN ? rest : SHOWN));
  mrb_raisef(w->mrb, ruby_of(w->mrb)->json.parser_error, "incomplete surrogate pair at '%v'",
             shown);
}

static const char *digits(const char *at, const char *end)
{
  while (at < end && *at >= '0' && *at <= '9') at++;
  return at;
}

/* Of a float that goes on as no number does, only the digits before the point are taken. */
static void skip_number(struct walk *w)
{
  const char *at = w->at + (*w->at == '-'), *rest;
  if (at == w->end || *at < '0' || *at > '9') fail(w, w->at);
  if (*at == '0' && digits(at, w->end) > at + 1) fail(w, w->at);
  w->at = at = digits(at, w->end);
  if (at < w->end && *at == '.' && (rest = digits(at + 1, w->end)) > at + 1) at = rest;
  if (at < w->end && (*at | 0x20) == 'e') {
    const char *sign = at + 1;
    if (sign < w->end && (*sign == '+' || *sign == '-')) sign++;
    if ((rest = digits(sign, w->end)) > sign) at = rest;
  }
  if (at == w->end || !memchr("eE.-", *at, 4)) w->at = at;
}

static bool is_word(const struct walk *w, const char *word)
{
  size_t length = strlen(word);
  return (size_t)(w->end - w->at) >= length && memcmp(w->at, word, length) == 0;
}

static void skip_word(struct walk *w)
{
  static const char *const words[] = {"true", "false", "null", "NaN", "Infinity", "-Infinity"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    if (!is_word(w, words[i])) continue;
    if (i >= 3 && !w->allow_nan) json_fail_at(w->mrb, w->text, (size_t)(w->at - w->start));
    w->at += strlen(words[i]);
    return;
  }
  fail(w, w->at);
}

/* 0: the end. */
static char here(const struct walk *w)
{
  if (w->at == w->end) return 0;
  return *w->at;
}

/* A value, or the beginning of one that contains others. */
static enum expected walk_value(struct walk *w)
{
  char c = here(w);
  if (c == '[' || c == '{') {
    enter(w, c == '{');
    w->at++;
    return c == '{' ? FIRST_KEY : FIRST_VALUE;
  }
  if (c == '"')
    skip_string(w);
  else if ((c >= '0' && c <= '9') || (c == '-' && !is_word(w, "-Infinity")))
    skip_number(w);
  else
    skip_word(w);
  return AFTER_VALUE;
}

/* Behind a value, in an array or an object. */
static enum expected walk_on(struct walk *w)
{
  bool array = *level(w) == IN_ARRAY;
  char c = here(w);
  if (c == ',') {
    w->at++;
    return array ? VALUE : KEY;
  }
  if (c != (array ? ']' : '}')) fail(w, w->at);
  w->at++;
  w->depth--;
  return AFTER_VALUE;
}

static enum expected walk_key(struct walk *w)
{
  if (w->at == w->end || *w->at != '"') fail(w, w->at);
  skip_string(w);
  return COLON;
}

static enum expected step(struct walk *w, enum expected expected)
{
  char c = here(w);
  switch (expected) {
  case FIRST_VALUE: return c == ']' ? walk_on(w) : walk_value(w);
  case VALUE: return walk_value(w);
  case FIRST_KEY: return c == '}' ? walk_on(w) : walk_key(w);
  case KEY: return walk_key(w);
  case AFTER_VALUE: return walk_on(w);
  case COLON:
    if (c != ':') fail(w, w->at);
    w->at++;
    return VALUE;
  }
  return VALUE;
}

void json_find_error(mrb_state *mrb, mrb_value text, mrb_int max_nesting, bool allow_nan)
{
  struct walk w = {
      .mrb = mrb, .text = text, .max_nesting = max_nesting, .allow_nan = allow_nan, .ticks = STEP};
  w.start = w.at = RSTRING_PTR(text);
  w.end = w.start + RSTRING_LEN(text);
  w.levels = mrb_str_new(mrb, NULL, 1024);
  mrb_obj_ptr(w.levels)->c = NULL; /* not to be found by Ruby code: see ruby_keep.c */
  enum expected expected = VALUE;
  do {
    skip(&w);
    expected = step(&w, expected);
    tick(&w);
  } while (w.depth > 0 || expected != AFTER_VALUE);
  skip(&w);
  if (w.at < w.end) fail(&w, w.at);
}
