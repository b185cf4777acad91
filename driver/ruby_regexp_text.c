/* The texts that are searched: what they are made of, and where their characters are. See ruby_regexp.h.
 *
 * A text is looked through once for a search. One that is searched again and again, as by a lexer, is
 * kept, in a frozen copy that shares its bytes: as long as that is there, no other String with the same
 * bytes in the same place has changed, for whoever changes a shared String gets bytes of its own.
 * What is known of a kept text is also where a position in it was asked for last, so that
 * positions that go forward are not counted from the beginning each time.
 */
#include "ruby_regexp.h"

#include <mruby/array.h>
#include <mruby/internal.h>
#include <mruby/string.h>

/* A shorter text is looked through in no time; and one of less than 24 bytes is never shared. */
#define KEPT_FROM 64

/* Who changes a text that is kept gets bytes of its own; so one of a larger part of the memory is not. */
#define KEPT_PART 16

struct ruby_subject ruby_subject(mrb_state *mrb, mrb_value string)
{
  struct ruby_subject subject = {.text = string};
  if (!mrb_frozen_p(mrb_basic_ptr(string))) {
    subject.text = mrb_str_dup(mrb, string);
    MRB_SET_FROZEN_FLAG(mrb_basic_ptr(subject.text));
  }
  return subject;
}

size_t ruby_subject_length(const struct ruby_subject *subject)
{
  return (size_t)RSTRING_LEN(subject->text);
}

/* --- what is known of texts --- */

static bool is_at(const struct ruby_known_text *known, mrb_value text)
{
  return known->bytes && known->bytes == RSTRING_PTR(text) &&
         known->length == (size_t)RSTRING_LEN(text);
}

/* The kept text, if it is this one. */
static struct ruby_known_text *known_text(mrb_state *mrb, mrb_value text)
{
  struct ruby_known_text *kept = &ruby_of(mrb)->regexps->kept_text;
  return is_at(kept, text) ? kept : NULL;
}

static void keep(mrb_state *mrb, mrb_value text, enum utf8_kind kind)
{
  struct ruby_regexps *regexps = ruby_of(mrb)->regexps;
  int arena = mrb_gc_arena_save(mrb);
  mrb_value copy = mrb_str_dup(mrb, text);
  struct RString *string = mrb_str_ptr(copy);
  /* Else its bytes are not its own, nor shared (a text in bytecode): they might go before it does. */
  if (RSTR_SHARED_P(string) || RSTR_FSHARED_P(string)) {
    MRB_SET_FROZEN_FLAG(string);
    string->c = NULL; /* not to be found by Ruby code: see ruby_keep.c */
    regexps->kept_text.bytes = NULL;
    mrb_ary_set(mrb, mrb_obj_value(regexps->kept), RUBY_KEPT_TEXT, copy);
    regexps->kept_text = (struct ruby_known_text){
        .bytes = RSTR_PTR(string), .length = (size_t)RSTR_LEN(string), .kind = kind};
  }
  mrb_gc_arena_restore(mrb, arena);
}

void ruby_forget_text(mrb_state *mrb)
{
  struct ruby_regexps *regexps = ruby_of(mrb)->regexps;
  regexps->seen_text.bytes = NULL;
  if (!regexps->kept_text.bytes) return;
  regexps->kept_text.bytes = NULL;
  RARRAY_PTR(mrb_obj_value(regexps->kept))[RUBY_KEPT_TEXT] = mrb_nil_value();
}

void ruby_look_at(mrb_state *mrb, struct ruby_subject *subject)
{
  struct ruby_regexps *regexps = ruby_of(mrb)->regexps;
  const struct ruby_known_text *known = known_text(mrb, subject->text);
  if (subject->looked) return;
  subject->looked = true;
  if (known) {
    subject->kind = known->kind;
    return;
  }
  size_t length = ruby_subject_length(subject);
  subject->kind = utf8_look_at(RSTRING_PTR(subject->text), length);
  regexps->bytes_seen += length;
  if (length < KEPT_FROM || length > ruby_of(mrb)->slice->memory_limit / KEPT_PART) return;
  /* The second time, as far as one can tell. */
  if (is_at(&regexps->seen_text, subject->text)) keep(mrb, subject->text, subject->kind);
  regexps->seen_text.bytes = RSTRING_PTR(subject->text);
  regexps->seen_text.length = length;
}

/* --- positions --- */

/* Remembers a place of the text, if it is kept. */
static void be_at(mrb_state *mrb, struct ruby_known_text *known, size_t at, size_t characters,
                  size_t seen)
{
  ruby_of(mrb)->regexps->bytes_seen += seen;
  if (!known) return;
  known->at = at;
  known->characters = characters;
}

/* Characters of a text that is not ASCII, in its first `bytes` bytes. */
static size_t characters_before(mrb_state *mrb, mrb_value text, size_t bytes)
{
  const char *begin = RSTRING_PTR(text);
  struct ruby_known_text *known = known_text(mrb, text);
  size_t from = known ? known->at : 0, characters = known ? known->characters : 0, seen;
  if (from > bytes && from - bytes < bytes) {
    seen = from - bytes;
    characters -= utf8_characters(begin + bytes, seen);
  } else {
    if (from > bytes) from = characters = 0;
    seen = bytes - from;
    characters += utf8_characters(begin + from, seen);
  }
  be_at(mrb, known, bytes, characters, seen);
  return characters;
}

mrb_int ruby_characters(mrb_state *mrb, struct ruby_subject *subject, size_t bytes)
{
  ruby_look_at(mrb, subject);
  if (subject->kind == UTF8_ASCII) return (mrb_int)bytes;
  return (mrb_int)characters_before(mrb, subject->text, bytes);
}

/* Where a text of UTF-8 has its character of that number; SIZE_MAX: it has not so many. */
static size_t bytes_before(mrb_state *mrb, mrb_value text, size_t characters)
{
  const char *begin = RSTRING_PTR(text);
  struct ruby_known_text *known = known_text(mrb, text);
  size_t from = known ? known->at : 0, there = known ? known->characters : 0, at = from;
  if (there > characters && there - characters < characters) {
    for (size_t back = there - characters; back > 0;)
      if (!utf8_is_tail((uint8_t)begin[--at])) back--;
    be_at(mrb, known, at, characters, from - at);
    return at;
  }
  if (there > characters) from = there = 0;
  at = utf8_bytes(begin + from, (size_t)RSTRING_LEN(text) - from, characters - there);
  if (at == SIZE_MAX) return at;
  be_at(mrb, known, from + at, characters, at);
  return from + at;
}

mrb_int ruby_bytes(mrb_state *mrb, struct ruby_subject *subject, mrb_int characters)
{
  ruby_look_at(mrb, subject);
  mrb_int length = RSTRING_LEN(subject->text);
  if (characters < 0)
    characters += subject->kind == UTF8_ASCII
                      ? length
                      : (mrb_int)characters_before(mrb, subject->text, (size_t)length);
  if (characters < 0 || characters > length) return -1;
  if (subject->kind == UTF8_ASCII) return characters;
  const char *begin = RSTRING_PTR(subject->text), *at = begin, *end = begin + length;
  if (subject->kind == UTF8_VALID) {
    size_t bytes = bytes_before(mrb, subject->text, (size_t)characters);
    return bytes == SIZE_MAX ? -1 : (mrb_int)bytes;
  }
  for (; characters > 0 && at < end; characters--) at += mrb_utf8len(at, end);
  return characters > 0 ? -1 : at - begin;
}

size_t ruby_step(mrb_state *mrb, mrb_value pattern, const struct ruby_subject *subject, size_t at)
{
  const char *begin = RSTRING_PTR(subject->text), *end = begin + ruby_subject_length(subject);
  const struct regexp *regexp = ruby_regexp_of(mrb, pattern);
  if (begin + at >= end || (regexp && regexp->options & REGEXP_NOENCODING)) return 1;
  return (size_t)mrb_utf8len(begin + at, end);
}
