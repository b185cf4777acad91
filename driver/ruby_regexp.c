/* Regexps as objects of Ruby's, which all files of this kind need: see ruby_regexp.h. */
#include "ruby_regexp.h"

#include <mruby/array.h>
#include <mruby/class.h>
#include <mruby/data.h>
#include <mruby/error.h>
#include <mruby/hash.h>
#include <mruby/string.h>
#include <string.h>

static void free_regexp(mrb_state *mrb, void *data)
{
  if (data) regexp_close(mrb, data);
}

static const mrb_data_type regexp_type = {"Regexp", free_regexp};

const struct regexp *ruby_regexp_of(mrb_state *mrb, mrb_value value)
{
  return mrb_data_check_get_ptr(mrb, value, &regexp_type);
}

const struct regexp *ruby_regexp_check(mrb_state *mrb, mrb_value value)
{
  const struct regexp *regexp = ruby_regexp_of(mrb, value);
  if (!regexp) mrb_raise(mrb, E_TYPE_ERROR, "uninitialized Regexp");
  return regexp;
}

/* --- making --- */

void ruby_regexp_compile(mrb_state *mrb, mrb_value object, mrb_value source, unsigned options)
{
  char why[ONIG_MAX_ERROR_MESSAGE_LEN];
  mrb_value pattern = ruby_regexp_pattern(mrb, source, &options);
  struct regexp *regexp =
      regexp_compile(mrb, RSTRING_PTR(pattern), (size_t)RSTRING_LEN(pattern), RSTRING_PTR(source),
                     (size_t)RSTRING_LEN(source), options, why);
  if (regexp) mrb_data_init(object, regexp, &regexp_type);
  slice_checkpoint(ruby_of(mrb)->slice);
  if (!regexp && !why[0]) mrb_exc_raise(mrb, mrb_obj_value(mrb->nomem_err));
  if (!regexp) mrb_raisef(mrb, ruby_of(mrb)->regexp_error, "%s: /%v/", why, source);
}

mrb_value ruby_regexp_new(mrb_state *mrb, mrb_value source, unsigned options)
{
  struct RClass *class = ruby_of(mrb)->regexps->regexp;
  mrb_value object = mrb_obj_value(mrb_data_object_alloc(mrb, class, NULL, &regexp_type));
  ruby_regexp_compile(mrb, object, source, options);
  return object;
}

/* --- names of groups --- */

struct names {
  mrb_state *mrb;
  mrb_value by_number; /* each name at the number of its first group */
  mrb_value numbers;   /* name => [number, …] */
};

static int add_name(const OnigUChar *name, const OnigUChar *end, int count, int *numbers,
                    OnigRegex engine, void *data)
{
  struct names *names = data;
  mrb_state *mrb = names->mrb;
  (void)engine;
  mrb_value text = mrb_str_new(mrb, (const char *)name, end - name);
  mrb_value all = mrb_ary_new_capa(mrb, count);
  for (int i = 0; i < count; i++) mrb_ary_push(mrb, all, mrb_fixnum_value(numbers[i]));
  mrb_ary_set(mrb, names->by_number, numbers[0], text);
  mrb_hash_set(mrb, names->numbers, text, all);
  return 0;
}

mrb_value ruby_regexp_names(mrb_state *mrb, const struct regexp *regexp, mrb_value *numbers)
{
  struct names names = {mrb, mrb_ary_new(mrb), mrb_hash_new(mrb)};
  (void)onig_foreach_name(regexp->engine, add_name, &names);
  mrb_value sorted = mrb_ary_new(mrb);
  *numbers = mrb_hash_new(mrb);
  for (mrb_int i = 0; i < RARRAY_LEN(names.by_number); i++) {
    mrb_value name = RARRAY_PTR(names.by_number)[i];
    if (mrb_nil_p(name)) continue;
    mrb_ary_push(mrb, sorted, name);
    mrb_hash_set(mrb, *numbers, name, mrb_hash_get(mrb, names.numbers, name));
  }
  return sorted;
}

/* --- methods --- */

void ruby_define(mrb_state *mrb, struct RClass *class, const struct ruby_method *methods,
                 size_t count)
{
  for (size_t i = 0; i < count; i++)
    mrb_define_method_id(mrb, class,
                         mrb_intern_static(mrb, methods[i].name, strlen(methods[i].name)),
                         methods[i].function, methods[i].arguments);
}
