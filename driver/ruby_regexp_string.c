/* Methods of String and Symbol that look for patterns: see ruby_regexp.h.
 *
 * What mruby has a method for in C is left to it for all that is no Regexp: it finds the arguments
 * where they are.
 */
#include "ruby_regexp.h"

#include <mruby/array.h>
#include <mruby/class.h>
#include <mruby/error.h>
#include <mruby/internal.h>
#include <mruby/proc.h>
#include <mruby/string.h>

static const OnigRegion *found(mrb_state *mrb) { return &ruby_of(mrb)->regexps->search.region; }

static const struct ruby_string_methods *own(mrb_state *mrb)
{
  return &ruby_of(mrb)->regexps->string;
}

static mrb_value cut(mrb_state *mrb, mrb_value text, size_t begin, size_t end)
{
  return mrb_str_byte_subseq(mrb, text, (mrb_int)begin, (mrb_int)(end - begin));
}

/* The first argument, if it is a Regexp; else nil. Others are counted, not looked at. */
static mrb_value first_regexp(mrb_state *mrb)
{
  const mrb_value *given;
  mrb_int count;
  mrb_get_args(mrb, "*!", &given, &count);
  return count > 0 && ruby_regexp_of(mrb, given[0]) ? given[0] : mrb_nil_value();
}

/* --- =~, match, match? --- */

static mrb_value string_match_op(mrb_state *mrb, mrb_value self)
{
  mrb_value pattern = mrb_get_arg1(mrb);
  if (mrb_string_p(pattern)) mrb_raise(mrb, E_TYPE_ERROR, "type mismatch: String given");
  return mrb_funcall_argv(mrb, pattern, mrb_intern_lit(mrb, "=~"), 1, &self);
}

/* A String is the source of one. */
static mrb_value to_regexp(mrb_state *mrb, mrb_value pattern)
{
  if (mrb_string_p(pattern)) return ruby_regexp_new(mrb, pattern, 0);
  return ruby_pattern(mrb, pattern);
}

static mrb_value string_match(mrb_state *mrb, mrb_value self)
{
  mrb_value pattern, block;
  mrb_int at = 0;
  mrb_get_args(mrb, "o|i&", &pattern, &at, &block);
  mrb_value match = ruby_match(mrb, to_regexp(mrb, pattern), self, at);
  return mrb_nil_p(match) || mrb_nil_p(block) ? match : mrb_yield(mrb, block, match);
}

static mrb_value string_is_match(mrb_state *mrb, mrb_value self)
{
  mrb_value pattern;
  mrb_int at = 0;
  mrb_get_args(mrb, "o|i", &pattern, &at);
  pattern = to_regexp(mrb, pattern);
  struct ruby_subject subject = {.text = ruby_match_text(mrb, self)};
  mrb_int from = at == 0 ? 0 : ruby_bytes(mrb, &subject, at);
  return mrb_bool_value(from >= 0 &&
                        ruby_find(mrb, pattern, &subject, (size_t)from, REGEXP_FORWARD));
}

static mrb_value nil_match_op(mrb_state *mrb, mrb_value self)
{
  (void)self;
  (void)mrb_get_arg1(mrb);
  return mrb_nil_value();
}

static mrb_value kernel_no_match_op(mrb_state *mrb, mrb_value self)
{
  mrb_value other = mrb_get_arg1(mrb);
  return mrb_bool_value(
      !mrb_test(mrb_funcall_argv(mrb, self, mrb_intern_lit(mrb, "=~"), 1, &other)));
}

/* --- [], []=, slice! --- */

/* The group that self[regexp, group] is about: which is a match, and its number. */
static mrb_value match_group(mrb_state *mrb, mrb_value self, mrb_value regexp, mrb_value group,
                             mrb_int *number)
{
  mrb_value match = ruby_match(mrb, regexp, self, 0);
  *number = 0;
  if (!mrb_nil_p(match) && !mrb_undef_p(group)) *number = ruby_match_number(mrb, match, group);
  if (!mrb_nil_p(match) && *number < 0) *number += ruby_match_count(mrb, match);
  return match;
}

static mrb_value string_aref(mrb_state *mrb, mrb_value self)
{
  mrb_value regexp, group = mrb_undef_value();
  mrb_int number;
  if (mrb_nil_p(first_regexp(mrb))) return own(mrb)->aref(mrb, self);
  if (mrb_get_args(mrb, "o|o", &regexp, &group) < 2) group = mrb_undef_value();
  mrb_value match = match_group(mrb, self, regexp, group, &number);
  if (mrb_nil_p(match) || number < 0) return mrb_nil_value();
  return ruby_match_group(mrb, match, number);
}

/* Puts `with` in the place of some bytes. Raises FrozenError. */
static void replace_bytes(mrb_state *mrb, mrb_value self, size_t begin, size_t end, mrb_value with)
{
  mrb_value all = mrb_str_new_capa(mrb, RSTRING_LEN(self) + RSTRING_LEN(with));
  mrb_str_cat(mrb, all, RSTRING_PTR(self), begin);
  mrb_str_cat_str(mrb, all, with);
  mrb_str_cat(mrb, all, RSTRING_PTR(self) + end, (size_t)RSTRING_LEN(self) - end);
  ruby_string_replace(mrb, self, all);
}

static mrb_value string_aset(mrb_state *mrb, mrb_value self)
{
  mrb_value regexp, group, with;
  size_t begin, end;
  mrb_int number;
  if (mrb_nil_p(first_regexp(mrb))) return own(mrb)->aset(mrb, self);
  if (mrb_get_args(mrb, "oo|o", &regexp, &group, &with) == 2) {
    with = group;
    group = mrb_undef_value();
  }
  mrb_ensure_string_type(mrb, with);
  mrb_check_frozen(mrb, mrb_basic_ptr(self));
  mrb_value match = match_group(mrb, self, regexp, group, &number);
  if (mrb_nil_p(match)) mrb_raise(mrb, E_INDEX_ERROR, "regexp not matched");
  if (number < 0 || number >= ruby_match_count(mrb, match))
    mrb_raisef(mrb, E_INDEX_ERROR, "index %v out of regexp", group);
  if (!ruby_match_range(mrb, match, number, &begin, &end))
    mrb_raisef(mrb, E_INDEX_ERROR, "regexp group %i not matched", number);
  replace_bytes(mrb, self, begin, end, with);
  return with;
}

static mrb_value string_slice_bang(mrb_state *mrb, mrb_value self)
{
  const mrb_value *given;
  mrb_value first, second, arguments[3];
  size_t begin, end;
  mrb_int count, number;
  mrb_get_args(mrb, "*", &given, &count);
  if (count < 1 || count > 2) mrb_argnum_error(mrb, count, 1, 2);
  mrb_check_frozen(mrb, mrb_basic_ptr(self));
  arguments[0] = first = given[0];
  arguments[1] = second = count == 2 ? given[1] : mrb_undef_value();
  if (ruby_regexp_of(mrb, first)) {
    mrb_value match = match_group(mrb, self, first, second, &number);
    if (mrb_nil_p(match) || !ruby_match_range(mrb, match, number, &begin, &end))
      return mrb_nil_value();
    mrb_value taken = cut(mrb, self, begin, end);
    replace_bytes(mrb, self, begin, end, mrb_str_new(mrb, NULL, 0));
    return taken;
  }
  mrb_value taken = mrb_str_aref(mrb, self, first, second);
  if (mrb_nil_p(taken)) return taken;
  arguments[count] = mrb_str_new(mrb, NULL, 0);
  mrb_funcall_argv(mrb, self, mrb_intern_lit(mrb, "[]="), count + 1, arguments);
  return taken;
}

/* --- index, rindex, start_with? --- */

/* self.index(regexp, at), where `at` is in characters or in bytes; the same for the result. */
static mrb_value index_of(mrb_state *mrb, mrb_value self, mrb_value regexp, mrb_int at, bool bytes,
                          enum regexp_where where)
{
  struct ruby_subject subject = ruby_subject(mrb, self);
  mrb_int length = RSTRING_LEN(self);
  if (bytes && at < 0) at += length;
  if (!bytes) at = ruby_bytes(mrb, &subject, at);
  if (at < 0 || !ruby_find(mrb, regexp, &subject, (size_t)at, where)) {
    ruby_match_forget(mrb);
    return mrb_nil_value();
  }
  size_t begin = (size_t)found(mrb)->beg[0];
  ruby_match_new(mrb, regexp, &subject);
  return mrb_int_value(mrb, bytes ? (mrb_int)begin : ruby_characters(mrb, &subject, begin));
}

static mrb_value string_index(mrb_state *mrb, mrb_value self)
{
  mrb_value regexp;
  mrb_int at = 0;
  if (mrb_nil_p(first_regexp(mrb))) return own(mrb)->index(mrb, self);
  mrb_get_args(mrb, "o|i", &regexp, &at);
  return index_of(mrb, self, regexp, at, false, REGEXP_FORWARD);
}

static mrb_value string_byteindex(mrb_state *mrb, mrb_value self)
{
  mrb_value regexp;
  mrb_int at = 0;
  if (mrb_nil_p(first_regexp(mrb))) return own(mrb)->byteindex(mrb, self);
  mrb_get_args(mrb, "o|i", &regexp, &at);
  return index_of(mrb, self, regexp, at, true, REGEXP_FORWARD);
}

static mrb_value string_rindex(mrb_state *mrb, mrb_value self)
{
  mrb_value regexp;
  mrb_int at = 0;
  if (mrb_nil_p(first_regexp(mrb))) return own(mrb)->rindex(mrb, self);
  mrb_int count = mrb_get_args(mrb, "o|i", &regexp, &at);
  struct ruby_subject subject = {.text = self};
  if (count < 2 || (at > 0 && ruby_bytes(mrb, &subject, at) < 0))
    at = ruby_characters(mrb, &subject, (size_t)RSTRING_LEN(self));
  return index_of(mrb, self, regexp, at, false, REGEXP_BACKWARD);
}

static mrb_value string_start_with(mrb_state *mrb, mrb_value self)
{
  const mrb_value *given;
  mrb_int count;
  bool any = false;
  mrb_get_args(mrb, "*", &given, &count);
  for (mrb_int i = 0; i < count; i++) any = any || ruby_regexp_of(mrb, given[i]);
  if (!any) return own(mrb)->start_with(mrb, self);
  mrb_value all = mrb_ary_new_from_values(mrb, count, given);
  struct ruby_subject subject = ruby_subject(mrb, self);
  for (mrb_int i = 0; i < count; i++) {
    mrb_value prefix = RARRAY_PTR(all)[i];
    if (ruby_regexp_of(mrb, prefix)) {
      if (ruby_find(mrb, prefix, &subject, 0, REGEXP_HERE)) {
        ruby_match_new(mrb, prefix, &subject);
        return mrb_true_value();
      }
      ruby_match_forget(mrb);
    } else {
      mrb_ensure_string_type(mrb, prefix);
      mrb_int length = RSTRING_LEN(prefix);
      if (length <= RSTRING_LEN(self) &&
          mrb_str_equal(mrb, cut(mrb, self, 0, (size_t)length), prefix))
        return mrb_true_value();
    }
  }
  return mrb_false_value();
}

/* --- partition, rpartition, split --- */

static mrb_value three(mrb_state *mrb, mrb_value a, mrb_value b, mrb_value c)
{
  const mrb_value all[] = {a, b, c};
  return mrb_ary_new_from_values(mrb, 3, all);
}

static mrb_value string_partition(mrb_state *mrb, mrb_value self)
{
  mrb_value pattern = ruby_pattern(mrb, mrb_get_arg1(mrb)), text = self;
  struct ruby_subject subject = ruby_subject(mrb, self);
  size_t length = ruby_subject_length(&subject);
  if (!ruby_find(mrb, pattern, &subject, 0, REGEXP_FORWARD)) {
    ruby_match_forget(mrb);
    return three(mrb, mrb_str_dup(mrb, text), mrb_str_new(mrb, NULL, 0), mrb_str_new(mrb, NULL, 0));
  }
  size_t begin = (size_t)found(mrb)->beg[0], end = (size_t)found(mrb)->end[0];
  ruby_match_new(mrb, pattern, &subject);
  return three(mrb, cut(mrb, text, 0, begin), cut(mrb, text, begin, end),
               cut(mrb, text, end, length));
}

static mrb_value string_rpartition(mrb_state *mrb, mrb_value self)
{
  mrb_value pattern = ruby_pattern(mrb, mrb_get_arg1(mrb));
  struct ruby_subject subject = ruby_subject(mrb, self);
  size_t length = ruby_subject_length(&subject), begin = 0, end = 0;
  bool matched;
  if (mrb_string_p(pattern)) {
    mrb_value at = mrb_funcall_argv(mrb, self, mrb_intern_lit(mrb, "rindex"), 1, &pattern);
    matched = mrb_integer_p(at) && ruby_bytes(mrb, &subject, mrb_integer(at)) >= 0;
    if (matched) begin = (size_t)ruby_bytes(mrb, &subject, mrb_integer(at));
    end = begin + (size_t)RSTRING_LEN(pattern);
    matched = matched && end <= length;
  } else {
    matched = ruby_find(mrb, pattern, &subject, length, REGEXP_BACKWARD);
    if (matched) {
      begin = (size_t)found(mrb)->beg[0];
      end = (size_t)found(mrb)->end[0];
      ruby_match_new(mrb, pattern, &subject);
    }
  }
  if (!matched) {
    ruby_match_forget(mrb);
    return three(mrb, mrb_str_new(mrb, NULL, 0), mrb_str_new(mrb, NULL, 0), mrb_str_dup(mrb, self));
  }
  mrb_value text = subject.text;
  return three(mrb, cut(mrb, text, 0, begin), cut(mrb, text, begin, end),
               cut(mrb, text, end, length));
}

static void push_part(mrb_state *mrb, mrb_value parts, mrb_value text, size_t begin, size_t end)
{
  int arena = mrb_gc_arena_save(mrb);
  mrb_ary_push(mrb, parts, cut(mrb, text, begin, end));
  mrb_gc_arena_restore(mrb, arena);
}

static void push_groups(mrb_state *mrb, mrb_value parts, mrb_value text)
{
  const OnigRegion *region = found(mrb);
  for (int i = 1; i < region->num_regs; i++)
    if (region->beg[i] >= 0)
      push_part(mrb, parts, text, (size_t)region->beg[i], (size_t)region->end[i]);
}

/* `limit`: 0 is none, and drops empty parts at the end; a negative one is none, and keeps them. */
static mrb_value split(mrb_state *mrb, mrb_value self, mrb_value regexp, mrb_int limit)
{
  mrb_value parts = mrb_ary_new(mrb);
  struct ruby_subject subject = ruby_subject(mrb, self);
  size_t length = ruby_subject_length(&subject), begin = 0, from = 0;
  bool stepped = false; /* over a character, after an empty match before it */
  mrb_int count = 1;
  if (length == 0) return parts;
  while ((limit <= 0 || count < limit) && ruby_find(mrb, regexp, &subject, from, REGEXP_FORWARD)) {
    size_t at = (size_t)found(mrb)->beg[0], end = (size_t)found(mrb)->end[0];
    if (at == from && at == end) {
      if (!stepped) {
        from += from == length ? 1 : ruby_step(mrb, regexp, &subject, from);
        stepped = true;
        continue;
      }
      push_part(mrb, parts, subject.text, begin, from);
      begin = from;
    } else {
      push_part(mrb, parts, subject.text, begin, at);
      begin = from = end;
    }
    stepped = false;
    push_groups(mrb, parts, subject.text);
    count++;
  }
  if (limit != 0 || length > begin) push_part(mrb, parts, subject.text, begin, length);
  if (limit == 0)
    while (RARRAY_LEN(parts) > 0 && RSTRING_LEN(RARRAY_PTR(parts)[RARRAY_LEN(parts) - 1]) == 0)
      mrb_ary_pop(mrb, parts);
  return parts;
}

static mrb_value string_split(mrb_state *mrb, mrb_value self)
{
  mrb_value regexp = mrb_nil_value(), block;
  mrb_int limit = 0;
  bool plain = mrb_nil_p(first_regexp(mrb));
  mrb_get_args(mrb, "|oi&", &regexp, &limit, &block);
  mrb_value parts = plain ? own(mrb)->split(mrb, self) : split(mrb, self, regexp, limit);
  if (mrb_nil_p(block)) return parts;
  int arena = mrb_gc_arena_save(mrb);
  for (mrb_int i = 0; i < RARRAY_LEN(parts); i++) {
    mrb_yield(mrb, block, RARRAY_PTR(parts)[i]);
    mrb_gc_arena_restore(mrb, arena);
  }
  return self;
}

/* --- Symbol --- */

static mrb_value symbol_aref(mrb_state *mrb, mrb_value self)
{
  const mrb_value *given;
  mrb_int count;
  mrb_get_args(mrb, "*", &given, &count);
  mrb_value text = mrb_sym_str(mrb, mrb_symbol(self));
  return mrb_funcall_argv(mrb, text, mrb_intern_lit(mrb, "[]"), count, given);
}

/* --- definitions --- */

/* A method of mruby's own, in C. */
static mrb_func_t own_method(mrb_state *mrb, const char *name)
{
  struct RClass *class = mrb->string_class;
  mrb_method_t method = mrb_method_search_vm(mrb, &class, mrb_intern_cstr(mrb, name));
  mrb_func_t function = MRB_METHOD_UNDEF_P(method) ? NULL : MRB_METHOD_CFUNC(method);
  if (!function) mrb_raisef(mrb, E_RUNTIME_ERROR, "String#%s is not mruby's own", name);
  return function;
}

void ruby_regexp_string_init(struct ruby *ruby)
{
  static const struct ruby_method of_both[] = {
      {"=~", string_match_op, MRB_ARGS_REQ(1)},
      {"match", string_match, MRB_ARGS_ARG(1, 1) | MRB_ARGS_BLOCK()},
      {"match?", string_is_match, MRB_ARGS_ARG(1, 1)},
  };
  static const struct ruby_method methods[] = {
      {"[]", string_aref, MRB_ARGS_ARG(1, 1)},
      {"slice", string_aref, MRB_ARGS_ARG(1, 1)},
      {"[]=", string_aset, MRB_ARGS_ARG(2, 1)},
      {"slice!", string_slice_bang, MRB_ARGS_ARG(1, 1)},
      {"index", string_index, MRB_ARGS_ARG(1, 1)},
      {"byteindex", string_byteindex, MRB_ARGS_ARG(1, 1)},
      {"rindex", string_rindex, MRB_ARGS_ARG(1, 1)},
      {"start_with?", string_start_with, MRB_ARGS_ANY()},
      {"partition", string_partition, MRB_ARGS_REQ(1)},
      {"rpartition", string_rpartition, MRB_ARGS_REQ(1)},
      {"split", string_split, MRB_ARGS_OPT(2) | MRB_ARGS_BLOCK()},
  };
  mrb_state *mrb = ruby->mrb;
  ruby->regexps->string = (struct ruby_string_methods){
      own_method(mrb, "[]"),         own_method(mrb, "[]="),       own_method(mrb, "index"),
      own_method(mrb, "rindex"),     own_method(mrb, "byteindex"), own_method(mrb, "split"),
      own_method(mrb, "start_with?")};
  ruby_define(mrb, mrb->string_class, of_both, sizeof of_both / sizeof *of_both);
  ruby_define(mrb, mrb->symbol_class, of_both, sizeof of_both / sizeof *of_both);
  ruby_define(mrb, mrb->string_class, methods, sizeof methods / sizeof *methods);
  mrb_define_method(mrb, mrb->symbol_class, "[]", symbol_aref, MRB_ARGS_ARG(1, 1));
  mrb_define_method(mrb, mrb->nil_class, "=~", nil_match_op, MRB_ARGS_REQ(1));
  mrb_define_method(mrb, mrb->kernel_module, "!~", kernel_no_match_op, MRB_ARGS_REQ(1));
}
