/* String#scan, #sub and #gsub: see ruby_regexp.h.
 *
 * Their patterns may be strings, which mruby's own methods know too; those are Ruby code that takes
 * characters for bytes. Here both kinds go the same way.
 */
#include "ruby_regexp.h"

#include <mruby/array.h>
#include <mruby/class.h>
#include <mruby/error.h>
#include <mruby/hash.h>
#include <mruby/internal.h>
#include <mruby/string.h>
#include <string.h>

static const OnigRegion *found(mrb_state *mrb) { return &ruby_of(mrb)->regexps->search.region; }

static mrb_value cut(mrb_state *mrb, mrb_value text, int begin, int end)
{
  if (begin < 0) return mrb_nil_value();
  return mrb_str_byte_subseq(mrb, text, begin, end - begin);
}

void ruby_string_replace(mrb_state *mrb, mrb_value self, mrb_value with)
{
  mrb_str_resize(mrb, self, RSTRING_LEN(with)); /* raises FrozenError */
  memcpy(RSTRING_PTR(self), RSTRING_PTR(with), (size_t)RSTRING_LEN(with));
}

/* --- what takes the place of a match --- */

/* \1, \k<name>, \&, \0, \`, \' and \\; all else is as it is. `at` is behind the backslash; gives
 * how many bytes were taken. */
static size_t add_reference(mrb_state *mrb, mrb_value result, mrb_value pattern, mrb_value text,
                            const char *at, const char *end)
{
  OnigRegion *region = &ruby_of(mrb)->regexps->search.region;
  const struct regexp *regexp = ruby_regexp_of(mrb, pattern);
  const char *subject = RSTRING_PTR(text);
  int number = -1;
  size_t taken = 1;
  if (*at >= '0' && *at <= '9') {
    /* Where groups have names they have no numbers. */
    bool counted = *at == '0' || !regexp || onig_number_of_names(regexp->engine) == 0;
    number = counted ? *at - '0' : -1;
  } else if (*at == '&') {
    number = 0;
  } else if (*at == '`') {
    mrb_str_cat(mrb, result, subject, (size_t)region->beg[0]);
  } else if (*at == '\'') {
    mrb_str_cat(mrb, result, subject + region->end[0],
                (size_t)(RSTRING_LEN(text) - region->end[0]));
  } else if (*at == '\\') {
    mrb_str_cat_lit(mrb, result, "\\");
  } else if (*at == 'k' && end - at >= 2 && at[1] == '<') {
    const char *name = at + 2, *close = memchr(name, '>', (size_t)(end - name));
    if (!close) mrb_raise(mrb, E_RUNTIME_ERROR, "invalid group name reference format");
    if (regexp)
      number = onig_name_to_backref_number(regexp->engine, (const OnigUChar *)name,
                                           (const OnigUChar *)close, region);
    if (number < 0)
      mrb_raisef(mrb, E_INDEX_ERROR, "undefined group name reference: %l", name, close - name);
    taken = (size_t)(close + 1 - at);
  } else {
    mrb_str_cat_lit(mrb, result, "\\");
    mrb_str_cat(mrb, result, at, 1);
  }
  if (number >= 0 && number < region->num_regs && region->beg[number] >= 0)
    mrb_str_cat(mrb, result, subject + region->beg[number],
                (size_t)(region->end[number] - region->beg[number]));
  return taken;
}

static void add_template(mrb_state *mrb, mrb_value result, mrb_value pattern, mrb_value text,
                         mrb_value template)
{
  const char *at = RSTRING_PTR(template), *end = at + RSTRING_LEN(template), *slash;
  while ((slash = memchr(at, '\\', (size_t)(end - at))) && slash + 1 < end) {
    mrb_str_cat(mrb, result, at, (size_t)(slash - at));
    at = slash + 1;
    at += add_reference(mrb, result, pattern, text, at, end);
  }
  mrb_str_cat(mrb, result, at, (size_t)(end - at));
}

/* What a sub or gsub was called with. */
struct replacement {
  mrb_value pattern, with; /* a String or a Hash; or nil, and then there is a block */
  mrb_value block;
};

/* Gives the match, if there is one: a hash, too, may run Ruby code. */
static mrb_value add_replacement(mrb_state *mrb, mrb_value result, const struct replacement *by,
                                 const struct ruby_subject *subject)
{
  const OnigRegion *region = found(mrb);
  if (mrb_string_p(by->with)) {
    add_template(mrb, result, by->pattern, subject->text, by->with);
    return mrb_nil_value();
  }
  mrb_value text = cut(mrb, subject->text, region->beg[0], region->end[0]);
  mrb_value match = ruby_match_new(mrb, by->pattern, subject);
  mrb_value value =
      mrb_hash_p(by->with) ? mrb_hash_get(mrb, by->with, text) : mrb_yield(mrb, by->block, text);
  mrb_str_cat_str(mrb, result, mrb_obj_as_string(mrb, value));
  return match;
}

/* --- sub and gsub --- */

/* nil: there was no match. */
static mrb_value substitute(mrb_state *mrb, mrb_value self, const struct replacement *by, bool all)
{
  struct ruby_subject subject = ruby_subject(mrb, self);
  mrb_value text = subject.text, match;
  size_t length = ruby_subject_length(&subject), from, done = 0;
  if (!ruby_find(mrb, by->pattern, &subject, 0, REGEXP_FORWARD)) {
    ruby_match_forget(mrb);
    return mrb_nil_value();
  }
  mrb_value result = mrb_str_new_capa(mrb, (mrb_int)length + 16);
  int arena = mrb_gc_arena_save(mrb);
  bool more;
  do {
    size_t begin = (size_t)found(mrb)->beg[0], end = (size_t)found(mrb)->end[0];
    from = end > begin ? end : end + ruby_step(mrb, by->pattern, &subject, end);
    mrb_str_cat(mrb, result, RSTRING_PTR(text) + done, begin - done);
    done = end;
    match = add_replacement(mrb, result, by, &subject);
    mrb_gc_arena_restore(mrb, arena);
    mrb_gc_protect(mrb, match);
    slice_checkpoint(ruby_of(mrb)->slice);
    ruby_swap_found(mrb);
    more = all && ruby_find(mrb, by->pattern, &subject, from, REGEXP_FORWARD);
  } while (more);
  ruby_swap_found(mrb);
  mrb_str_cat(mrb, result, RSTRING_PTR(text) + done, length - done);
  if (mrb_nil_p(match))
    ruby_match_new(mrb, by->pattern, &subject);
  else
    ruby_match_set(mrb, match);
  return result;
}

static mrb_value enumerator(mrb_state *mrb, mrb_value self, const char *method, mrb_value pattern)
{
  const mrb_value given[] = {mrb_symbol_value(mrb_intern_cstr(mrb, method)), pattern};
  return mrb_funcall_argv(mrb, self, mrb_intern_lit(mrb, "to_enum"), 2, given);
}

/* The arguments. False: there is no replacement. */
static bool get_replacement(mrb_state *mrb, struct replacement *by)
{
  mrb_int count = mrb_get_args(mrb, "o|o&", &by->pattern, &by->with, &by->block);
  by->pattern = ruby_pattern(mrb, by->pattern);
  if (count == 1) {
    by->with = mrb_nil_value();
    return !mrb_nil_p(by->block);
  }
  if (!mrb_hash_p(by->with)) mrb_ensure_string_type(mrb, by->with);
  return true;
}

static mrb_value string_sub(mrb_state *mrb, mrb_value self)
{
  struct replacement by;
  if (!get_replacement(mrb, &by)) mrb_argnum_error(mrb, 1, 2, 2);
  mrb_value result = substitute(mrb, self, &by, false);
  return mrb_nil_p(result) ? mrb_str_dup(mrb, self) : result;
}

static mrb_value string_gsub(mrb_state *mrb, mrb_value self)
{
  struct replacement by;
  if (!get_replacement(mrb, &by)) return enumerator(mrb, self, "gsub", by.pattern);
  mrb_value result = substitute(mrb, self, &by, true);
  return mrb_nil_p(result) ? mrb_str_dup(mrb, self) : result;
}

static mrb_value substitute_in_place(mrb_state *mrb, mrb_value self, const struct replacement *by,
                                     bool all)
{
  mrb_check_frozen(mrb, mrb_basic_ptr(self));
  mrb_value result = substitute(mrb, self, by, all);
  if (mrb_nil_p(result)) return result;
  ruby_string_replace(mrb, self, result);
  return self;
}

static mrb_value string_sub_bang(mrb_state *mrb, mrb_value self)
{
  struct replacement by;
  if (!get_replacement(mrb, &by)) mrb_argnum_error(mrb, 1, 2, 2);
  return substitute_in_place(mrb, self, &by, false);
}

static mrb_value string_gsub_bang(mrb_state *mrb, mrb_value self)
{
  struct replacement by;
  if (!get_replacement(mrb, &by)) return enumerator(mrb, self, "gsub!", by.pattern);
  return substitute_in_place(mrb, self, &by, true);
}

/* --- scan --- */

/* The match, or its groups if there are any. */
static mrb_value scanned(mrb_state *mrb, mrb_value text)
{
  const OnigRegion *region = found(mrb);
  if (region->num_regs == 1) return cut(mrb, text, region->beg[0], region->end[0]);
  mrb_value groups = mrb_ary_new_capa(mrb, region->num_regs - 1);
  for (int i = 1; i < region->num_regs; i++)
    mrb_ary_push(mrb, groups, cut(mrb, text, region->beg[i], region->end[i]));
  return groups;
}

static mrb_value string_scan(mrb_state *mrb, mrb_value self)
{
  mrb_value pattern, block, match = mrb_nil_value();
  mrb_get_args(mrb, "o&", &pattern, &block);
  pattern = ruby_pattern(mrb, pattern);
  struct ruby_subject subject = ruby_subject(mrb, self);
  mrb_value all = mrb_nil_p(block) ? mrb_ary_new(mrb) : self;
  size_t from = 0;
  bool any = false;
  int arena = mrb_gc_arena_save(mrb);
  while (ruby_find(mrb, pattern, &subject, from, REGEXP_FORWARD)) {
    size_t begin = (size_t)found(mrb)->beg[0], end = (size_t)found(mrb)->end[0];
    any = true;
    from = end > begin ? end : end + ruby_step(mrb, pattern, &subject, end);
    mrb_value value = scanned(mrb, subject.text);
    if (mrb_nil_p(block)) {
      mrb_ary_push(mrb, all, value);
    } else {
      match = ruby_match_new(mrb, pattern, &subject);
      mrb_yield(mrb, block, value);
    }
    mrb_gc_arena_restore(mrb, arena);
    mrb_gc_protect(mrb, match);
    slice_checkpoint(ruby_of(mrb)->slice);
    ruby_swap_found(mrb);
  }
  ruby_swap_found(mrb);
  if (!any)
    ruby_match_forget(mrb);
  else if (mrb_nil_p(match))
    ruby_match_new(mrb, pattern, &subject);
  else
    ruby_match_set(mrb, match);
  return all;
}

void ruby_regexp_replace_init(struct ruby *ruby)
{
  static const struct ruby_method methods[] = {
      {"sub", string_sub, MRB_ARGS_ARG(1, 1) | MRB_ARGS_BLOCK()},
      {"sub!", string_sub_bang, MRB_ARGS_ARG(1, 1) | MRB_ARGS_BLOCK()},
      {"gsub", string_gsub, MRB_ARGS_ARG(1, 1) | MRB_ARGS_BLOCK()},
      {"gsub!", string_gsub_bang, MRB_ARGS_ARG(1, 1) | MRB_ARGS_BLOCK()},
      {"scan", string_scan, MRB_ARGS_REQ(1) | MRB_ARGS_BLOCK()},
  };
  ruby_define(ruby->mrb, ruby->mrb->string_class, methods, sizeof methods / sizeof *methods);
}
