/* The class MatchData, and $~ with what is made of it: see ruby_regexp.h. */
#include "ruby_regexp.h"

#include "ruby_keep.h"
#include "term_types.h"

#include <limits.h>
#include <mruby/array.h>
#include <mruby/class.h>
#include <mruby/error.h>
#include <mruby/hash.h>
#include <mruby/internal.h>
#include <mruby/range.h>
#include <mruby/string.h>
#include <mruby/variable.h>
#include <string.h>

static mrb_value part(mrb_state *mrb, mrb_value match, size_t begin, size_t end)
{
  mrb_value text = ruby_match_subject(mrb, match).text;
  return mrb_str_byte_subseq(mrb, text, (mrb_int)begin, (mrb_int)(end - begin));
}

static mrb_value groups(mrb_state *mrb, mrb_value match, mrb_int first)
{
  mrb_int count = ruby_match_count(mrb, match);
  mrb_value all = mrb_ary_new_capa(mrb, count);
  int arena = mrb_gc_arena_save(mrb);
  for (mrb_int i = first; i < count; i++) {
    mrb_ary_push(mrb, all, ruby_match_group(mrb, match, i));
    mrb_gc_arena_restore(mrb, arena);
  }
  return all;
}

/* --- groups --- */

static mrb_value match_to_a(mrb_state *mrb, mrb_value self) { return groups(mrb, self, 0); }

static mrb_value match_captures(mrb_state *mrb, mrb_value self) { return groups(mrb, self, 1); }

static mrb_value match_size(mrb_state *mrb, mrb_value self)
{
  return mrb_fixnum_value(ruby_match_count(mrb, self));
}

/* m[number], m[name], and what an array takes: m[range], m[start, length] */
static mrb_value match_aref(mrb_state *mrb, mrb_value self)
{
  mrb_value which, length;
  mrb_int count = mrb_get_args(mrb, "o|o", &which, &length);
  ruby_match_count(mrb, self);
  if (count == 1 && !mrb_range_p(which))
    return ruby_match_group(mrb, self, ruby_match_number(mrb, self, which));
  mrb_value all = groups(mrb, self, 0), given[2] = {which, length};
  return mrb_funcall_argv(mrb, all, mrb_intern_lit(mrb, "[]"), count, given);
}

static mrb_value match_values_at(mrb_state *mrb, mrb_value self)
{
  const mrb_value *given;
  mrb_int count;
  mrb_get_args(mrb, "*", &given, &count);
  mrb_value numbers = mrb_ary_new_from_values(mrb, count, given), values = mrb_ary_new(mrb);
  for (mrb_int i = 0; i < count; i++) {
    mrb_int number = ruby_match_number(mrb, self, RARRAY_PTR(numbers)[i]);
    mrb_ary_push(mrb, values, ruby_match_group(mrb, self, number));
  }
  return values;
}

/* --- where --- */

/* The bytes of the group that the argument names; false: it did not match. */
static bool where(mrb_state *mrb, mrb_value self, size_t *begin, size_t *end)
{
  mrb_value which = mrb_get_arg1(mrb);
  mrb_int number = ruby_match_number(mrb, self, which);
  if (number < 0 || number >= ruby_match_count(mrb, self))
    mrb_raisef(mrb, E_INDEX_ERROR, "index %i out of matches", number);
  return ruby_match_range(mrb, self, number, begin, end);
}

static mrb_value characters(mrb_state *mrb, mrb_value self, size_t bytes)
{
  struct ruby_subject subject = ruby_match_subject(mrb, self);
  return mrb_int_value(mrb, ruby_characters(mrb, &subject, bytes));
}

static mrb_value match_begin(mrb_state *mrb, mrb_value self)
{
  size_t begin, end;
  return where(mrb, self, &begin, &end) ? characters(mrb, self, begin) : mrb_nil_value();
}

static mrb_value match_end(mrb_state *mrb, mrb_value self)
{
  size_t begin, end;
  return where(mrb, self, &begin, &end) ? characters(mrb, self, end) : mrb_nil_value();
}

static mrb_value match_offset(mrb_state *mrb, mrb_value self)
{
  size_t begin, end;
  bool matched = where(mrb, self, &begin, &end);
  return mrb_assoc_new(mrb, matched ? characters(mrb, self, begin) : mrb_nil_value(),
                       matched ? characters(mrb, self, end) : mrb_nil_value());
}

static mrb_value match_byteoffset(mrb_state *mrb, mrb_value self)
{
  size_t begin, end;
  bool matched = where(mrb, self, &begin, &end);
  return mrb_assoc_new(mrb, matched ? mrb_int_value(mrb, (mrb_int)begin) : mrb_nil_value(),
                       matched ? mrb_int_value(mrb, (mrb_int)end) : mrb_nil_value());
}

static mrb_value match_pre(mrb_state *mrb, mrb_value self)
{
  size_t begin, end;
  return ruby_match_range(mrb, self, 0, &begin, &end) ? part(mrb, self, 0, begin) : mrb_nil_value();
}

static mrb_value match_post(mrb_state *mrb, mrb_value self)
{
  size_t begin, end;
  if (!ruby_match_range(mrb, self, 0, &begin, &end)) return mrb_nil_value();
  struct ruby_subject subject = ruby_match_subject(mrb, self);
  return part(mrb, self, end, ruby_subject_length(&subject));
}

static mrb_value match_to_s(mrb_state *mrb, mrb_value self)
{
  ruby_match_count(mrb, self);
  return ruby_match_group(mrb, self, 0);
}

static mrb_value match_string(mrb_state *mrb, mrb_value self)
{
  return ruby_match_subject(mrb, self).text;
}

/* A pattern that was a string becomes one when it is asked for. */
static mrb_value match_regexp(mrb_state *mrb, mrb_value self)
{
  ruby_match_count(mrb, self);
  mrb_value pattern = ruby_match_pattern(mrb, self);
  if (!mrb_string_p(pattern)) return pattern;
  mrb_value regexp = ruby_regexp_new(mrb, ruby_regexp_escape(mrb, pattern), 0);
  mrb_iv_set(mrb, self, ruby_of(mrb)->regexps->regexp_name, regexp);
  return regexp;
}

/* --- names --- */

static mrb_value names(mrb_state *mrb, mrb_value self)
{
  mrb_value numbers;
  ruby_match_count(mrb, self);
  const struct regexp *regexp = ruby_regexp_of(mrb, ruby_match_pattern(mrb, self));
  return regexp ? ruby_regexp_names(mrb, regexp, &numbers) : mrb_ary_new(mrb);
}

static mrb_value match_named_captures(mrb_state *mrb, mrb_value self)
{
  mrb_value all = names(mrb, self), captures = mrb_hash_new(mrb);
  for (mrb_int i = 0; i < RARRAY_LEN(all); i++) {
    mrb_value name = RARRAY_PTR(all)[i];
    mrb_int number = ruby_match_number(mrb, self, name);
    mrb_hash_set(mrb, captures, name, ruby_match_group(mrb, self, number));
  }
  return captures;
}

/* `keys` is an array of symbols, or nil for all; those that are no names end it, as in Ruby. */
static mrb_value match_deconstruct_keys(mrb_state *mrb, mrb_value self)
{
  mrb_value keys = mrb_get_arg1(mrb), captures = mrb_hash_new(mrb), all = names(mrb, self);
  if (!mrb_nil_p(keys) && !mrb_array_p(keys))
    mrb_raisef(mrb, E_TYPE_ERROR, "wrong argument type %T (expected Array or nil)", keys);
  mrb_value wanted = mrb_nil_p(keys) ? all : keys;
  for (mrb_int i = 0; i < RARRAY_LEN(wanted); i++) {
    mrb_value key = RARRAY_PTR(wanted)[i];
    if (mrb_string_p(key) && mrb_nil_p(keys)) key = mrb_symbol_value(mrb_intern_str(mrb, key));
    if (!mrb_symbol_p(key))
      mrb_raisef(mrb, E_TYPE_ERROR, "wrong argument type %T (expected Symbol)", key);
    bool known = false;
    for (mrb_int j = 0; j < RARRAY_LEN(all) && !known; j++)
      known = mrb_str_equal(mrb, RARRAY_PTR(all)[j], mrb_sym_str(mrb, mrb_symbol(key)));
    if (!known) break;
    mrb_int number = ruby_match_number(mrb, self, key);
    mrb_hash_set(mrb, captures, key, ruby_match_group(mrb, self, number));
  }
  return captures;
}

/* --- the object --- */

static mrb_value match_copy(mrb_state *mrb, mrb_value self)
{
  ruby_match_copy(mrb, self, mrb_get_arg1(mrb));
  return self;
}

static mrb_value match_equal(mrb_state *mrb, mrb_value self)
{
  mrb_value other = mrb_get_arg1(mrb);
  size_t a[2], b[2];
  if (!ruby_is_match(mrb, self) || !ruby_is_match(mrb, other))
    return mrb_bool_value(mrb_obj_eq(mrb, self, other));
  if (ruby_match_count(mrb, self) != ruby_match_count(mrb, other)) return mrb_false_value();
  for (mrb_int i = 0; i < ruby_match_count(mrb, self); i++) {
    bool matched = ruby_match_range(mrb, self, i, &a[0], &a[1]);
    if (matched != ruby_match_range(mrb, other, i, &b[0], &b[1])) return mrb_false_value();
    if (matched && (a[0] != b[0] || a[1] != b[1])) return mrb_false_value();
  }
  mrb_value text = ruby_match_subject(mrb, self).text;
  if (!mrb_str_equal(mrb, text, ruby_match_subject(mrb, other).text)) return mrb_false_value();
  const struct regexp *regexp = ruby_regexp_of(mrb, match_regexp(mrb, self));
  const struct regexp *others = ruby_regexp_of(mrb, match_regexp(mrb, other));
  return mrb_bool_value(regexp && others && regexp_equal(regexp, others));
}

static mrb_value match_hash(mrb_state *mrb, mrb_value self)
{
  size_t begin = 0, end = 0;
  ruby_match_range(mrb, self, 0, &begin, &end);
  uint32_t hash = mrb_str_hash(mrb, ruby_match_subject(mrb, self).text);
  return mrb_fixnum_value((mrb_int)(hash ^ begin << 8 ^ end << 16) & 0xffffffff);
}

/* #<MatchData "ab" 1:"a" 2:nil>, with names in the place of numbers if there are any. */
static mrb_value match_inspect(mrb_state *mrb, mrb_value self)
{
  if (!ruby_is_match(mrb, self)) return mrb_any_to_s(mrb, self);
  mrb_value text = mrb_str_new_lit(mrb, "#<MatchData "), numbers = mrb_nil_value();
  const struct regexp *regexp = ruby_regexp_of(mrb, ruby_match_pattern(mrb, self));
  mrb_value by_number = mrb_ary_new(mrb);
  if (regexp) {
    mrb_value all = ruby_regexp_names(mrb, regexp, &numbers);
    for (mrb_int i = 0; i < RARRAY_LEN(all); i++) {
      mrb_value of_name = mrb_hash_get(mrb, numbers, RARRAY_PTR(all)[i]);
      for (mrb_int j = 0; j < RARRAY_LEN(of_name); j++)
        mrb_ary_set(mrb, by_number, mrb_integer(RARRAY_PTR(of_name)[j]), RARRAY_PTR(all)[i]);
    }
  }
  for (mrb_int i = 0; i < ruby_match_count(mrb, self); i++) {
    int arena = mrb_gc_arena_save(mrb);
    mrb_value group = ruby_match_group(mrb, self, i), name = mrb_ary_entry(by_number, i);
    if (i > 0)
      mrb_str_cat_str(mrb, text,
                      mrb_format(mrb, " %v:", mrb_nil_p(name) ? mrb_fixnum_value(i) : name));
    mrb_str_cat_str(mrb, text,
                    mrb_nil_p(group) ? mrb_str_new_lit(mrb, "nil") : mrb_str_inspect(mrb, group));
    mrb_gc_arena_restore(mrb, arena);
  }
  mrb_str_cat_lit(mrb, text, ">");
  return text;
}

/* --- $~ and what is made of it --- */

mrb_value __wrap_mrb_gv_get(mrb_state *mrb, mrb_sym name);
mrb_value __real_mrb_gv_get(mrb_state *mrb, mrb_sym name);
void __wrap_mrb_gv_set(mrb_state *mrb, mrb_sym name, mrb_value value);
void __real_mrb_gv_set(mrb_state *mrb, mrb_sym name, mrb_value value);

/* NULL: while the interpreter is opened, before there is a last match to ask for. */
static const struct ruby_regexps *regexps_of(mrb_state *mrb)
{
  const struct ruby_regexps *regexps = mrb->ud ? ruby_of(mrb)->regexps : NULL;
  return regexps && regexps->match ? regexps : NULL;
}

static mrb_value last_group(mrb_state *mrb, mrb_value match)
{
  for (mrb_int i = ruby_match_count(mrb, match) - 1; i > 0; i--) {
    mrb_value group = ruby_match_group(mrb, match, i);
    if (!mrb_nil_p(group)) return group;
  }
  return mrb_nil_value();
}

static mrb_value numbered_group(mrb_state *mrb, mrb_value match, const char *digits, mrb_int length)
{
  mrb_int number = 0;
  for (mrb_int i = 0; i < length; i++) {
    if (digits[i] < '0' || digits[i] > '9' || number > INT_MAX) return mrb_nil_value();
    number = number * 10 + digits[i] - '0';
  }
  return number > 0 ? ruby_match_group(mrb, match, number) : mrb_nil_value();
}

/* mruby compiles $1 and its like to reading a global variable. There is none, so there is time to
 * look at the name. */
mrb_value __wrap_mrb_gv_get(mrb_state *mrb, mrb_sym name)
{
  mrb_value value = __real_mrb_gv_get(mrb, name);
  if (!mrb_nil_p(value) || !regexps_of(mrb)) return value;
  mrb_int length;
  const char *text = mrb_sym_name_len(mrb, name, &length);
  if (length < 2 || text[0] != '$') return value;
  if (text[1] >= '1' && text[1] <= '9') {
    mrb_value match = ruby_match_last(mrb);
    return mrb_nil_p(match) ? match : numbered_group(mrb, match, text + 1, length - 1);
  }
  if (length != 2 || !text[1] || !strchr("~&`'+", text[1])) return value;
  mrb_value match = ruby_match_last(mrb);
  if (text[1] == '~' || mrb_nil_p(match)) return match;
  if (text[1] == '&') return ruby_match_group(mrb, match, 0);
  if (text[1] == '`') return match_pre(mrb, match);
  if (text[1] == '\'') return match_post(mrb, match);
  return last_group(mrb, match);
}

void __wrap_mrb_gv_set(mrb_state *mrb, mrb_sym name, mrb_value value)
{
  const struct ruby_regexps *regexps = regexps_of(mrb);
  if (!regexps || name != regexps->last_name) {
    __real_mrb_gv_set(mrb, name, value);
    return;
  }
  if (!mrb_nil_p(value) && !ruby_is_match(mrb, value))
    mrb_raisef(mrb, E_TYPE_ERROR, "wrong argument type %T (expected MatchData)", value);
  ruby_match_set(mrb, value);
}

/* --- definitions --- */

void ruby_match_init(struct ruby *ruby)
{
  static const struct ruby_method methods[] = {
      {"initialize_copy", match_copy, MRB_ARGS_REQ(1)},
      {"[]", match_aref, MRB_ARGS_ARG(1, 1)},
      {"to_a", match_to_a, MRB_ARGS_NONE()},
      {"captures", match_captures, MRB_ARGS_NONE()},
      {"deconstruct", match_captures, MRB_ARGS_NONE()},
      {"deconstruct_keys", match_deconstruct_keys, MRB_ARGS_REQ(1)},
      {"named_captures", match_named_captures, MRB_ARGS_NONE()},
      {"names", names, MRB_ARGS_NONE()},
      {"values_at", match_values_at, MRB_ARGS_ANY()},
      {"size", match_size, MRB_ARGS_NONE()},
      {"length", match_size, MRB_ARGS_NONE()},
      {"begin", match_begin, MRB_ARGS_REQ(1)},
      {"end", match_end, MRB_ARGS_REQ(1)},
      {"offset", match_offset, MRB_ARGS_REQ(1)},
      {"byteoffset", match_byteoffset, MRB_ARGS_REQ(1)},
      {"pre_match", match_pre, MRB_ARGS_NONE()},
      {"post_match", match_post, MRB_ARGS_NONE()},
      {"string", match_string, MRB_ARGS_NONE()},
      {"regexp", match_regexp, MRB_ARGS_NONE()},
      {"to_s", match_to_s, MRB_ARGS_NONE()},
      {"inspect", match_inspect, MRB_ARGS_NONE()},
      {"==", match_equal, MRB_ARGS_REQ(1)},
      {"eql?", match_equal, MRB_ARGS_REQ(1)},
      {"hash", match_hash, MRB_ARGS_NONE()},
  };
  mrb_state *mrb = ruby->mrb;
  struct ruby_regexps *regexps = ruby->regexps;
  struct RClass *class = mrb_define_class(mrb, "MatchData", mrb->object_class);
  ruby_keep(mrb, "rubeam match", class);
  term_set_instance_type(class, MRB_TT_CDATA);
  mrb_undef_class_method(mrb, class, "new");
  mrb_undef_class_method(mrb, class, "allocate");
  ruby_define(mrb, class, methods, sizeof methods / sizeof *methods);
  regexps->last_name = mrb_intern_lit(mrb, "$~");
  regexps->text_name = mrb_intern_lit(mrb, "rubeam text");
  regexps->regexp_name = mrb_intern_lit(mrb, "rubeam regexp");
  regexps->match = class; /* from now on there is a last match to ask for */
}
