/* The class Regexp, and the literals: see ruby_regexp.h. */
#include "ruby_regexp.h"

#include "hash.h"
#include "ruby_keep.h"
#include "term_types.h"

#include <mruby/array.h>
#include <mruby/class.h>
#include <mruby/data.h>
#include <mruby/error.h>
#include <mruby/hash.h>
#include <mruby/string.h>
#include <mruby/variable.h>
#include <string.h>

static mrb_value source_of(mrb_state *mrb, const struct regexp *regexp)
{
  return mrb_str_new(mrb, regexp->source, (mrb_int)regexp->length);
}

/* --- making --- */

static unsigned letters_to_options(mrb_state *mrb, mrb_value letters)
{
  unsigned options = 0;
  for (mrb_int i = 0; i < RSTRING_LEN(letters); i++) {
    switch (RSTRING_PTR(letters)[i]) {
    case 'i': options |= REGEXP_IGNORECASE; break;
    case 'x': options |= REGEXP_EXTENDED; break;
    case 'm': options |= REGEXP_MULTILINE; break;
    default: mrb_raisef(mrb, E_ARGUMENT_ERROR, "unknown regexp option: %v", letters);
    }
  }
  return options;
}

static unsigned to_options(mrb_state *mrb, mrb_value given, mrb_value encoding)
{
  const mrb_int known = REGEXP_IGNORECASE | REGEXP_EXTENDED | REGEXP_MULTILINE | REGEXP_NOENCODING;
  unsigned options = 0;
  if (mrb_integer_p(given))
    options = (unsigned)(mrb_integer(given) & known);
  else if (mrb_string_p(given))
    options = letters_to_options(mrb, given);
  else if (mrb_test(given))
    options = REGEXP_IGNORECASE;
  if (mrb_string_p(encoding) && RSTRING_LEN(encoding) > 0) {
    if ((RSTRING_PTR(encoding)[0] | 0x20) == 'n') options |= REGEXP_NOENCODING;
    if ((RSTRING_PTR(encoding)[0] | 0x20) == 'u') options |= REGEXP_FIXEDENCODING;
  }
  return options;
}

/* Regexp.new(source or regexp, options = nil, encoding = nil) */
static mrb_value regexp_initialize(mrb_state *mrb, mrb_value self)
{
  mrb_value source, given = mrb_nil_value(), encoding = mrb_nil_value();
  mrb_get_args(mrb, "o|oo", &source, &given, &encoding);
  mrb_check_frozen(mrb, mrb_basic_ptr(self));
  if (ruby_regexp_of(mrb, self)) mrb_raise(mrb, E_TYPE_ERROR, "already initialized regexp");
  const struct regexp *other = ruby_regexp_of(mrb, source);
  unsigned options = other ? other->options : to_options(mrb, given, encoding);
  if (other) source = source_of(mrb, other);
  mrb_ensure_string_type(mrb, source);
  ruby_regexp_compile(mrb, self, source, options);
  return self;
}

static mrb_value regexp_copy(mrb_state *mrb, mrb_value self)
{
  const struct regexp *other = ruby_regexp_check(mrb, mrb_get_arg1(mrb));
  if (ruby_regexp_of(mrb, self)) {
    if (ruby_regexp_of(mrb, self) == other) return self;
    mrb_raise(mrb, E_TYPE_ERROR, "already initialized regexp");
  }
  ruby_regexp_compile(mrb, self, source_of(mrb, other), other->options);
  return self;
}

/* What is remembered at the place, if it is this. */
static mrb_value recall(mrb_state *mrb, const struct ruby_regexps *regexps, size_t place,
                        mrb_value source, unsigned options)
{
  mrb_value object =
      mrb_ary_entry(mrb_obj_value(regexps->kept), RUBY_KEPT_LITERALS + (mrb_int)place);
  const struct regexp *regexp = ruby_regexp_of(mrb, object);
  unsigned mask = ~(unsigned)REGEXP_FIXEDENCODING;
  if (!regexp || (regexp->options & mask) != (options & mask) ||
      regexp->length != (size_t)RSTRING_LEN(source) ||
      memcmp(regexp->source, RSTRING_PTR(source), regexp->length) != 0)
    return mrb_nil_value();
  return object;
}

/* The regexp of this source; a new one takes the place of the one that was used least lately among those
 * that may be in the same places. */
static mrb_value remembered(mrb_state *mrb, struct ruby_regexps *regexps, mrb_value source,
                            unsigned options)
{
  uint64_t hash = hash_bytes(options, RSTRING_PTR(source), (size_t)RSTRING_LEN(source));
  size_t first = hash % (RUBY_REGEXP_PLACES / RUBY_REGEXP_WAYS) * RUBY_REGEXP_WAYS, oldest = first;
  for (size_t place = first; place < first + RUBY_REGEXP_WAYS; place++) {
    if (regexps->used[place] < regexps->used[oldest]) oldest = place;
    if (regexps->hashes[place] != hash) continue;
    mrb_value object = recall(mrb, regexps, place, source, options);
    if (mrb_nil_p(object)) continue;
    regexps->used[place] = ++regexps->uses;
    return object;
  }
  mrb_value object = ruby_regexp_new(mrb, source, options);
  MRB_SET_FROZEN_FLAG(mrb_basic_ptr(object));
  mrb_ary_set(mrb, mrb_obj_value(regexps->kept), RUBY_KEPT_LITERALS + (mrb_int)oldest, object);
  regexps->hashes[oldest] = hash;
  regexps->used[oldest] = ++regexps->uses;
  return object;
}

/* What a literal calls. A subclass, or another kind of source, has no part in what is remembered. */
static mrb_value regexp_s_compile(mrb_state *mrb, mrb_value self)
{
  struct ruby_regexps *regexps = ruby_of(mrb)->regexps;
  const mrb_value *given;
  mrb_int count;
  mrb_get_args(mrb, "*", &given, &count);
  if (count < 1 || count > 3 || !mrb_string_p(given[0]) || mrb_class_ptr(self) != regexps->regexp)
    return mrb_obj_new(mrb, mrb_class_ptr(self), count, given);
  mrb_value source = given[0];
  unsigned options = to_options(mrb, count > 1 ? given[1] : mrb_nil_value(),
                                count > 2 ? given[2] : mrb_nil_value());
  if (RSTRING_LEN(source) > RUBY_REGEXP_BYTES) {
    mrb_value object = ruby_regexp_new(mrb, source, options);
    MRB_SET_FROZEN_FLAG(mrb_basic_ptr(object));
    return object;
  }
  return remembered(mrb, regexps, source, options);
}

static mrb_value regexp_s_escape(mrb_state *mrb, mrb_value self)
{
  mrb_value text = mrb_get_arg1(mrb);
  (void)self;
  if (mrb_symbol_p(text)) text = mrb_sym_str(mrb, mrb_symbol(text));
  mrb_ensure_string_type(mrb, text);
  return ruby_regexp_escape(mrb, text);
}

static mrb_value part_of_union(mrb_state *mrb, mrb_value pattern)
{
  const struct regexp *regexp = ruby_regexp_of(mrb, pattern);
  if (regexp) return ruby_regexp_to_s(mrb, regexp);
  if (mrb_symbol_p(pattern)) pattern = mrb_sym_str(mrb, mrb_symbol(pattern));
  mrb_ensure_string_type(mrb, pattern);
  return ruby_regexp_escape(mrb, pattern);
}

static mrb_value regexp_s_union(mrb_state *mrb, mrb_value self)
{
  const mrb_value *given;
  mrb_int count;
  (void)self;
  mrb_get_args(mrb, "*", &given, &count);
  mrb_value all =
      count == 1 && mrb_array_p(given[0]) ? given[0] : mrb_ary_new_from_values(mrb, count, given);
  if (RARRAY_LEN(all) == 0) return ruby_regexp_new(mrb, mrb_str_new_lit(mrb, "(?!)"), 0);
  mrb_value first = RARRAY_PTR(all)[0], source = mrb_str_new_capa(mrb, 32);
  if (RARRAY_LEN(all) == 1 && ruby_regexp_of(mrb, first)) return first;
  for (mrb_int i = 0; i < RARRAY_LEN(all); i++) {
    int arena = mrb_gc_arena_save(mrb);
    if (i > 0) mrb_str_cat_lit(mrb, source, "|");
    mrb_str_cat_str(mrb, source, part_of_union(mrb, RARRAY_PTR(all)[i]));
    mrb_gc_arena_restore(mrb, arena);
  }
  return ruby_regexp_new(mrb, source, 0);
}

static mrb_value regexp_s_last_match(mrb_state *mrb, mrb_value self)
{
  mrb_value group, match = ruby_match_last(mrb);
  (void)self;
  if (mrb_get_args(mrb, "|o", &group) == 0 || mrb_nil_p(match)) return match;
  return ruby_match_group(mrb, match, ruby_match_number(mrb, match, group));
}

/* --- asking --- */

static mrb_value regexp_source(mrb_state *mrb, mrb_value self)
{
  return source_of(mrb, ruby_regexp_check(mrb, self));
}

static mrb_value regexp_options(mrb_state *mrb, mrb_value self)
{
  return mrb_fixnum_value((mrb_int)ruby_regexp_check(mrb, self)->options);
}

static mrb_value regexp_casefold(mrb_state *mrb, mrb_value self)
{
  return mrb_bool_value(ruby_regexp_check(mrb, self)->options & REGEXP_IGNORECASE);
}

static mrb_value regexp_to_s(mrb_state *mrb, mrb_value self)
{
  return ruby_regexp_to_s(mrb, ruby_regexp_check(mrb, self));
}

static mrb_value regexp_inspect(mrb_state *mrb, mrb_value self)
{
  const struct regexp *regexp = ruby_regexp_of(mrb, self);
  return regexp ? ruby_regexp_inspect(mrb, regexp) : mrb_any_to_s(mrb, self);
}

static mrb_value regexp_is_equal(mrb_state *mrb, mrb_value self)
{
  const struct regexp *other = ruby_regexp_of(mrb, mrb_get_arg1(mrb));
  return mrb_bool_value(other && regexp_equal(ruby_regexp_check(mrb, self), other));
}

static mrb_value regexp_hash(mrb_state *mrb, mrb_value self)
{
  const struct regexp *regexp = ruby_regexp_check(mrb, self);
  uint64_t hash = hash_bytes(regexp->options, regexp->source, regexp->length);
  return mrb_fixnum_value((mrb_int)(hash >> 2));
}

/* --- names of groups --- */

static mrb_value regexp_names(mrb_state *mrb, mrb_value self)
{
  mrb_value numbers;
  return ruby_regexp_names(mrb, ruby_regexp_check(mrb, self), &numbers);
}

static mrb_value regexp_named_captures(mrb_state *mrb, mrb_value self)
{
  mrb_value numbers;
  ruby_regexp_names(mrb, ruby_regexp_check(mrb, self), &numbers);
  return numbers;
}

/* --- matching --- */

static mrb_value regexp_match_op(mrb_state *mrb, mrb_value self)
{
  ruby_regexp_check(mrb, self);
  mrb_value match = ruby_match(mrb, self, mrb_get_arg1(mrb), 0);
  return mrb_nil_p(match) ? match : mrb_funcall(mrb, match, "begin", 1, mrb_fixnum_value(0));
}

static mrb_value regexp_case(mrb_state *mrb, mrb_value self)
{
  mrb_value text = mrb_get_arg1(mrb);
  ruby_regexp_check(mrb, self);
  if (!mrb_string_p(text) && !mrb_symbol_p(text)) {
    ruby_match_forget(mrb);
    return mrb_false_value();
  }
  return mrb_bool_value(!mrb_nil_p(ruby_match(mrb, self, text, 0)));
}

static mrb_value regexp_match(mrb_state *mrb, mrb_value self)
{
  mrb_value text, block;
  mrb_int at = 0;
  mrb_get_args(mrb, "o|i&", &text, &at, &block);
  ruby_regexp_check(mrb, self);
  mrb_value match = ruby_match(mrb, self, text, at);
  return mrb_nil_p(match) || mrb_nil_p(block) ? match : mrb_yield(mrb, block, match);
}

/* Leaves $~ alone, and so makes no MatchData. */
static mrb_value regexp_is_match(mrb_state *mrb, mrb_value self)
{
  mrb_value given;
  mrb_int at = 0;
  mrb_get_args(mrb, "o|i", &given, &at);
  ruby_regexp_check(mrb, self);
  mrb_value text = ruby_match_text(mrb, given);
  if (mrb_nil_p(text)) return mrb_false_value();
  struct ruby_subject subject = {.text = text};
  mrb_int from = at == 0 ? 0 : ruby_bytes(mrb, &subject, at);
  return mrb_bool_value(from >= 0 && ruby_find(mrb, self, &subject, (size_t)from, REGEXP_FORWARD));
}

/* --- definitions --- */

static void define_regexp(mrb_state *mrb, struct RClass *class)
{
  static const struct ruby_method methods[] = {
      {"initialize", regexp_initialize, MRB_ARGS_ARG(1, 2)},
      {"initialize_copy", regexp_copy, MRB_ARGS_REQ(1)},
      {"source", regexp_source, MRB_ARGS_NONE()},
      {"options", regexp_options, MRB_ARGS_NONE()},
      {"casefold?", regexp_casefold, MRB_ARGS_NONE()},
      {"to_s", regexp_to_s, MRB_ARGS_NONE()},
      {"inspect", regexp_inspect, MRB_ARGS_NONE()},
      {"==", regexp_is_equal, MRB_ARGS_REQ(1)},
      {"eql?", regexp_is_equal, MRB_ARGS_REQ(1)},
      {"hash", regexp_hash, MRB_ARGS_NONE()},
      {"names", regexp_names, MRB_ARGS_NONE()},
      {"named_captures", regexp_named_captures, MRB_ARGS_NONE()},
      {"=~", regexp_match_op, MRB_ARGS_REQ(1)},
      {"===", regexp_case, MRB_ARGS_REQ(1)},
      {"match", regexp_match, MRB_ARGS_ARG(1, 1) | MRB_ARGS_BLOCK()},
      {"match?", regexp_is_match, MRB_ARGS_ARG(1, 1)},
  };
  static const struct {
    const char *name;
    mrb_int value;
  } constants[] = {{"IGNORECASE", REGEXP_IGNORECASE},
                   {"EXTENDED", REGEXP_EXTENDED},
                   {"MULTILINE", REGEXP_MULTILINE},
                   {"FIXEDENCODING", REGEXP_FIXEDENCODING},
                   {"NOENCODING", REGEXP_NOENCODING}};
  ruby_define(mrb, class, methods, sizeof methods / sizeof *methods);
  mrb_define_class_method(mrb, class, "compile", regexp_s_compile, MRB_ARGS_ARG(1, 2));
  mrb_define_class_method(mrb, class, "escape", regexp_s_escape, MRB_ARGS_REQ(1));
  mrb_define_class_method(mrb, class, "quote", regexp_s_escape, MRB_ARGS_REQ(1));
  mrb_define_class_method(mrb, class, "union", regexp_s_union, MRB_ARGS_ANY());
  mrb_define_class_method(mrb, class, "last_match", regexp_s_last_match, MRB_ARGS_OPT(1));
  for (size_t i = 0; i < sizeof constants / sizeof *constants; i++)
    mrb_define_const(mrb, class, constants[i].name, mrb_fixnum_value(constants[i].value));
}

void ruby_regexp_init(struct ruby *ruby)
{
  mrb_state *mrb = ruby->mrb;
  struct ruby_regexps *regexps = mrb_calloc(mrb, 1, sizeof *regexps);
  int arena = mrb_gc_arena_save(mrb);
  ruby->regexps = regexps;
  regexp_prepare();
  onig_region_init(&regexps->search.region);
  onig_region_init(&regexps->search.spare);
  regexps->kept = ruby_keep_array(mrb, "rubeam regexps");
  regexps->regexp = mrb_define_class(mrb, "Regexp", mrb->object_class);
  ruby->regexp_error = mrb_define_class(mrb, "RegexpError", mrb->eStandardError_class);
  ruby_keep(mrb, "rubeam regexp", regexps->regexp);
  ruby_keep(mrb, "rubeam regexp error", ruby->regexp_error);
  term_set_instance_type(regexps->regexp, MRB_TT_CDATA);
  define_regexp(mrb, regexps->regexp);
  ruby_match_init(ruby);
  ruby_regexp_string_init(ruby);
  ruby_regexp_replace_init(ruby);
  mrb_gc_arena_restore(mrb, arena);
}
