/* Searching, and what was found: see ruby_regexp.h. */
#include "ruby_regexp.h"

#include <limits.h>
#include <mruby/array.h>
#include <mruby/class.h>
#include <mruby/data.h>
#include <mruby/error.h>
#include <mruby/internal.h>
#include <mruby/string.h>
#include <mruby/variable.h>
#include <string.h>

/* The text and the regexp are in instance variables, where the collector sees them. */
struct match {
  enum utf8_kind kind; /* of the text */
  bool looked;         /* it is known */
  int count;           /* of groups, with the whole one */
  struct group {
    int begin, end; /* in bytes; -1: it did not match */
  } groups[];
};

static const mrb_data_type match_type = {"MatchData", mrb_free};

static struct ruby_regexps *regexps_of(mrb_state *mrb) { return ruby_of(mrb)->regexps; }

static const struct match *match_of(mrb_state *mrb, mrb_value value)
{
  return mrb_data_check_get_ptr(mrb, value, &match_type);
}

static const struct match *check_match(mrb_state *mrb, mrb_value self)
{
  const struct match *match = match_of(mrb, self);
  if (!match) mrb_raise(mrb, E_TYPE_ERROR, "uninitialized MatchData");
  return match;
}

static mrb_value text_of(mrb_state *mrb, mrb_value match)
{
  return mrb_iv_get(mrb, match, regexps_of(mrb)->text_name);
}

/* --- searching --- */

static bool find_string(mrb_state *mrb, mrb_value needle, const struct ruby_subject *subject,
                        size_t from)
{
  OnigRegion *region = &regexps_of(mrb)->search.region;
  mrb_int length = RSTRING_LEN(needle);
  mrb_int at = mrb_str_index(mrb, subject->text, RSTRING_PTR(needle), length, (mrb_int)from);
  if (at < 0) return false;
  if (onig_region_resize(region, 1)) mrb_exc_raise(mrb, mrb_obj_value(mrb->nomem_err));
  region->beg[0] = (int)at;
  region->end[0] = (int)(at + length);
  return true;
}

bool ruby_find(mrb_state *mrb, mrb_value pattern, struct ruby_subject *subject, size_t from,
               enum regexp_where where)
{
  struct ruby *ruby = ruby_of(mrb);
  size_t length = ruby_subject_length(subject);
  if (length > INT_MAX) mrb_raise(mrb, E_ARGUMENT_ERROR, "string too long to be searched");
  if (from > length) return false;
  if (mrb_string_p(pattern)) return find_string(mrb, pattern, subject, from);
  const struct regexp *regexp = ruby_regexp_check(mrb, pattern);
  if (!(regexp->options & REGEXP_NOENCODING)) {
    ruby_look_at(mrb, subject);
    if (subject->kind == UTF8_INVALID)
      mrb_raise(mrb, E_ARGUMENT_ERROR, "invalid byte sequence in UTF-8");
  }
  enum regexp_result result = regexp_search(mrb, regexp, &ruby->regexps->search,
                                            RSTRING_PTR(subject->text), length, from, where);
  slice_checkpoint(ruby->slice); /* a search may have ended for it */
  switch (result) {
  case REGEXP_FOUND:
    /* \K in a look-behind can begin a match before the place from where it was looked for. */
    if (where == REGEXP_FORWARD && ruby->regexps->search.region.beg[0] < (int)from)
      ruby->regexps->search.region.beg[0] = (int)from;
    return true;
  case REGEXP_NOT_FOUND: return false;
  case REGEXP_TOO_LONG:
    mrb_raisef(mrb, ruby->regexp_error, "match takes too long: %v",
               ruby_regexp_inspect(mrb, regexp));
  case REGEXP_NO_MEMORY: mrb_exc_raise(mrb, mrb_obj_value(mrb->nomem_err));
  case REGEXP_FAILED: break;
  }
  mrb_raisef(mrb, ruby->regexp_error, "match failed: %v", ruby_regexp_inspect(mrb, regexp));
}

void ruby_swap_found(mrb_state *mrb)
{
  struct regexp_search *search = &regexps_of(mrb)->search;
  OnigRegion region = search->region;
  search->region = search->spare;
  search->spare = region;
}

mrb_value ruby_pattern(mrb_state *mrb, mrb_value given)
{
  if (mrb_string_p(given) || ruby_regexp_of(mrb, given)) return given;
  if (mrb_nil_p(given)) mrb_raise(mrb, E_TYPE_ERROR, "wrong argument type nil (expected Regexp)");
  mrb_raisef(mrb, E_TYPE_ERROR, "wrong argument type %T (expected Regexp)", given);
}

mrb_value ruby_match_text(mrb_state *mrb, mrb_value string)
{
  if (mrb_nil_p(string)) return string;
  if (mrb_symbol_p(string)) return mrb_sym_str(mrb, mrb_symbol(string));
  mrb_ensure_string_type(mrb, string);
  return string;
}

mrb_value ruby_match(mrb_state *mrb, mrb_value regexp, mrb_value string, mrb_int characters)
{
  mrb_value text = ruby_match_text(mrb, string);
  if (!mrb_nil_p(text)) {
    struct ruby_subject subject = ruby_subject(mrb, text);
    mrb_int from = characters == 0 ? 0 : ruby_bytes(mrb, &subject, characters);
    if (from >= 0 && ruby_find(mrb, regexp, &subject, (size_t)from, REGEXP_FORWARD))
      return ruby_match_new(mrb, regexp, &subject);
  }
  ruby_match_forget(mrb);
  return mrb_nil_value();
}

/* --- the last match --- */

void ruby_match_set(mrb_state *mrb, mrb_value match)
{
  struct RArray *kept = regexps_of(mrb)->kept;
  mrb_ary_set(mrb, mrb_obj_value(kept), RUBY_KEPT_MATCH, match);
}

void ruby_match_forget(mrb_state *mrb) { ruby_match_set(mrb, mrb_nil_value()); }

mrb_value ruby_match_last(mrb_state *mrb)
{
  return mrb_ary_entry(mrb_obj_value(regexps_of(mrb)->kept), RUBY_KEPT_MATCH);
}

mrb_value ruby_match_new(mrb_state *mrb, mrb_value pattern, const struct ruby_subject *subject)
{
  struct ruby_regexps *regexps = regexps_of(mrb);
  const OnigRegion *region = &regexps->search.region;
  int count = region->num_regs;
  struct RData *object = mrb_data_object_alloc(mrb, regexps->match, NULL, &match_type);
  mrb_value value = mrb_obj_value(object);
  /* First what can raise: a match without its text must not be found. */
  mrb_iv_set(mrb, value, regexps->text_name, subject->text);
  mrb_iv_set(mrb, value, regexps->regexp_name, pattern);
  size_t bytes = sizeof(struct match) + (size_t)count * sizeof(struct group);
  struct match *match = mrb_malloc(mrb, bytes);
  match->kind = subject->kind;
  match->looked = subject->looked;
  match->count = count;
  for (int i = 0; i < count; i++) {
    match->groups[i] = (struct group){region->beg[i], region->end[i]};
  }
  object->data = match;
  ruby_match_set(mrb, value);
  return value;
}

/* --- groups --- */

mrb_int ruby_match_count(mrb_state *mrb, mrb_value match) { return check_match(mrb, match)->count; }

bool ruby_match_range(mrb_state *mrb, mrb_value value, mrb_int number, size_t *begin, size_t *end)
{
  const struct match *match = check_match(mrb, value);
  if (number < 0 || number >= match->count || match->groups[number].begin < 0) return false;
  *begin = (size_t)match->groups[number].begin;
  *end = (size_t)match->groups[number].end;
  return true;
}

static mrb_value part(mrb_state *mrb, mrb_value match, size_t begin, size_t end)
{
  return mrb_str_byte_subseq(mrb, text_of(mrb, match), (mrb_int)begin, (mrb_int)(end - begin));
}

mrb_value ruby_match_group(mrb_state *mrb, mrb_value match, mrb_int number)
{
  size_t begin, end;
  if (number < 0) number += check_match(mrb, match)->count;
  if (!ruby_match_range(mrb, match, number, &begin, &end)) return mrb_nil_value();
  return part(mrb, match, begin, end);
}

/* Of several groups of that name the last one that matched. */
static mrb_int number_of_name(mrb_state *mrb, mrb_value value, const char *name, size_t length)
{
  const struct match *match = check_match(mrb, value);
  const struct regexp *regexp =
      ruby_regexp_of(mrb, mrb_iv_get(mrb, value, regexps_of(mrb)->regexp_name));
  int *numbers, count = 0;
  if (regexp)
    count = onig_name_to_group_numbers(regexp->engine, (const OnigUChar *)name,
                                       (const OnigUChar *)name + length, &numbers);
  if (count <= 0)
    mrb_raisef(mrb, E_INDEX_ERROR, "undefined group name reference: %l", name, length);
  for (int i = count - 1; i > 0; i--)
    if (numbers[i] < match->count && match->groups[numbers[i]].begin >= 0) return numbers[i];
  return numbers[0];
}

mrb_int ruby_match_number(mrb_state *mrb, mrb_value match, mrb_value name)
{
  if (mrb_symbol_p(name)) name = mrb_sym_str(mrb, mrb_symbol(name));
  if (mrb_string_p(name))
    return number_of_name(mrb, match, RSTRING_PTR(name), (size_t)RSTRING_LEN(name));
  return mrb_as_int(mrb, name);
}

/* --- copies --- */

void ruby_match_copy(mrb_state *mrb, mrb_value copy, mrb_value value)
{
  const struct match *match = check_match(mrb, value);
  if (match_of(mrb, copy)) mrb_raise(mrb, E_TYPE_ERROR, "already initialized MatchData");
  /* First what can raise, as in ruby_match_new. */
  mrb_iv_set(mrb, copy, regexps_of(mrb)->text_name, text_of(mrb, value));
  mrb_iv_set(mrb, copy, regexps_of(mrb)->regexp_name, ruby_match_pattern(mrb, value));
  size_t bytes = sizeof *match + (size_t)match->count * sizeof(struct group);
  struct match *fresh = mrb_malloc(mrb, bytes);
  memcpy(fresh, match, bytes);
  mrb_data_init(copy, fresh, &match_type);
}

mrb_value ruby_match_pattern(mrb_state *mrb, mrb_value match)
{
  return mrb_iv_get(mrb, match, regexps_of(mrb)->regexp_name);
}

struct ruby_subject ruby_match_subject(mrb_state *mrb, mrb_value value)
{
  const struct match *match = check_match(mrb, value);
  return (struct ruby_subject){text_of(mrb, value), match->kind, match->looked};
}

bool ruby_is_match(mrb_state *mrb, mrb_value value) { return match_of(mrb, value) != NULL; }
