/* The module JSON: see ruby_json.h. */
#include "ruby_json.h"

#include "ruby_json_format.h"
#include "ruby_json_read.h"
#include "ruby_json_write.h"
#include "ruby_keep.h"

#include <mruby/array.h>
#include <mruby/class.h>
#include <mruby/error.h>
#include <mruby/hash.h>
#include <mruby/string.h>

#include <math.h>

/* --- parse --- */

/* to_str or, of what has none, a TypeError. */
static mrb_value to_text(mrb_state *mrb, mrb_value source)
{
  mrb_value text = source;
  if (!mrb_string_p(text) && mrb_respond_to(mrb, source, mrb_intern_lit(mrb, "to_str")))
    text = mrb_funcall(mrb, source, "to_str", 0);
  if (!mrb_string_p(text))
    mrb_raisef(mrb, E_TYPE_ERROR, "no implicit conversion of %Y into String", source);
  mrb_gc_protect(mrb, text);
  return text;
}

static bool is_set(mrb_state *mrb, mrb_value hash, const char *name, bool otherwise)
{
  mrb_value given = json_option(mrb, hash, name);
  return mrb_undef_p(given) ? otherwise : mrb_test(given);
}

/* Options of Ruby's json that would change the result and are not here. */
static void refuse_others(mrb_state *mrb, mrb_value hash)
{
  static const char *const names[] = {"create_additions", "object_class", "array_class",
                                      "decimal_class"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (is_set(mrb, hash, names[i], false))
      mrb_raisef(mrb, E_ARGUMENT_ERROR, "%s is not supported", names[i]);
}

static void read_options(mrb_state *mrb, mrb_value hash, struct json_options *options)
{
  if (mrb_nil_p(hash)) return;
  if (!mrb_hash_p(hash))
    mrb_raisef(mrb, E_TYPE_ERROR, "no implicit conversion of %Y into Hash", hash);
  refuse_others(mrb, hash);
  mrb_value nesting = json_option(mrb, hash, "max_nesting");
  if (!mrb_undef_p(nesting) && mrb_test(nesting) && !mrb_integer_p(nesting))
    mrb_raisef(mrb, E_TYPE_ERROR, "wrong argument type %Y (expected Integer)", nesting);
  if (!mrb_undef_p(nesting)) options->max_nesting = mrb_test(nesting) ? mrb_integer(nesting) : 0;
  options->allow_nan = is_set(mrb, hash, "allow_nan", options->allow_nan);
  options->symbolize_names = is_set(mrb, hash, "symbolize_names", false);
  options->freeze = is_set(mrb, hash, "freeze", false);
}

/* parse(source, options = nil), with these options where none are given. */
static mrb_value parse(mrb_state *mrb, struct json_options options)
{
  mrb_value source, given = mrb_nil_value();
  mrb_get_args(mrb, "o|o", &source, &given);
  mrb_value text = to_text(mrb, source);
  read_options(mrb, given, &options);
  return json_read(mrb, text, &options);
}

static mrb_value json_parse(mrb_state *mrb, mrb_value self)
{
  (void)self;
  return parse(mrb, (struct json_options){.max_nesting = JSON_MAX_NESTING});
}

/* parse! trusts its source. */
static mrb_value json_parse_trusted(mrb_state *mrb, mrb_value self)
{
  (void)self;
  return parse(mrb, (struct json_options){.allow_nan = true});
}

/* --- load --- */

static void call_for_all(mrb_state *mrb, mrb_value block, mrb_value value);

static void call_for_elements(mrb_state *mrb, mrb_value block, mrb_value array)
{
  int arena = mrb_gc_arena_save(mrb);
  for (mrb_int i = 0; i < RARRAY_LEN(array); i++) {
    call_for_all(mrb, block, RARRAY_PTR(array)[i]);
    mrb_gc_arena_restore(mrb, arena);
  }
}

/* Inner values come before what they are in. */
static void call_for_all(mrb_state *mrb, mrb_value block, mrb_value value)
{
  slice_need_stack(ruby_of(mrb)->slice, (size_t)512 << 10);
  mrb_gc_protect(mrb, value);
  if (mrb_array_p(value)) {
    call_for_elements(mrb, block, value);
  } else if (mrb_hash_p(value)) {
    mrb_value keys = mrb_hash_keys(mrb, value);
    int arena = mrb_gc_arena_save(mrb);
    for (mrb_int i = 0; i < RARRAY_LEN(keys); i++) {
      mrb_value key = RARRAY_PTR(keys)[i];
      call_for_all(mrb, block, key);
      call_for_all(mrb, block, mrb_hash_get(mrb, value, key));
      mrb_gc_arena_restore(mrb, arena);
    }
  }
  mrb_funcall(mrb, block, "call", 1, value);
}

/* load(source, proc = nil, options = {}): nil and "" are null. */
static mrb_value json_load(mrb_state *mrb, mrb_value self)
{
  struct json_options options = {.allow_nan = true};
  mrb_value source, block = mrb_nil_value(), given = mrb_nil_value();
  (void)self;
  mrb_get_args(mrb, "o|oo", &source, &block, &given);
  if (mrb_hash_p(block) && mrb_nil_p(given)) {
    given = block;
    block = mrb_nil_value();
  }
  if (mrb_respond_to(mrb, source, mrb_intern_lit(mrb, "read")))
    source = mrb_funcall(mrb, source, "read", 0);
  mrb_value text = mrb_nil_p(source) ? mrb_str_new(mrb, NULL, 0) : to_text(mrb, source);
  read_options(mrb, given, &options);
  mrb_value value = RSTRING_LEN(text) > 0 ? json_read(mrb, text, &options) : mrb_nil_value();
  if (mrb_test(block)) call_for_all(mrb, block, value);
  return value;
}

/* --- generate --- */

/* generate(value, options = nil), where what the options do not name is as in `format`. */
static mrb_value generate(mrb_state *mrb, struct json_format *format)
{
  mrb_value value, given = mrb_nil_value();
  mrb_get_args(mrb, "o|o", &value, &given);
  json_format_configure(mrb, format, given);
  mrb_value state = !mrb_nil_p(given) && json_format_is_state(mrb, given) ? given : mrb_nil_value();
  return json_write(mrb, format, state, value, false);
}

/* JSON::State#generate */
static mrb_value state_generate(mrb_state *mrb, mrb_value self)
{
  struct json_format format;
  mrb_value value = mrb_get_arg1(mrb);
  json_format_read(mrb, &format, self);
  return json_write(mrb, &format, self, value, false);
}

static mrb_value json_generate(mrb_state *mrb, mrb_value self)
{
  struct json_format format;
  (void)self;
  json_format_plain(&format);
  return generate(mrb, &format);
}

static mrb_value json_fast_generate(mrb_state *mrb, mrb_value self)
{
  struct json_format format;
  (void)self;
  json_format_plain(&format);
  format.max_nesting = 0;
  return generate(mrb, &format);
}

static mrb_value json_pretty_generate(mrb_state *mrb, mrb_value self)
{
  struct json_format format;
  (void)self;
  json_format_pretty(mrb, &format);
  return generate(mrb, &format);
}

struct dumped {
  struct json_format format;
  mrb_value value;
};

static mrb_value write_dump(mrb_state *mrb, void *data)
{
  const struct dumped *dumped = data;
  return json_write(mrb, &dumped->format, mrb_nil_value(), dumped->value, false);
}

/* dump(value, io = nil, limit = nil): an Integer alone is the limit. */
static mrb_value json_dump(mrb_state *mrb, mrb_value self)
{
  struct dumped dumped;
  mrb_value io = mrb_nil_value(), limit = mrb_nil_value();
  mrb_bool failed = FALSE;
  (void)self;
  mrb_get_args(mrb, "o|oo", &dumped.value, &io, &limit);
  if (mrb_nil_p(limit) && !mrb_nil_p(io) &&
      !mrb_respond_to(mrb, io, mrb_intern_lit(mrb, "write"))) {
    limit = io;
    io = mrb_nil_value();
  }
  json_format_plain(&dumped.format);
  dumped.format.allow_nan = true;
  dumped.format.max_nesting = mrb_nil_p(limit) ? 0 : mrb_as_int(mrb, limit);
  mrb_value text = mrb_protect_error(mrb, write_dump, &dumped, &failed);
  if (failed && mrb_obj_is_kind_of(mrb, text, ruby_of(mrb)->json.nesting_error))
    mrb_raise(mrb, E_ARGUMENT_ERROR, "exceed depth limit");
  if (failed) mrb_exc_raise(mrb, text);
  if (mrb_nil_p(io)) return text;
  mrb_funcall(mrb, io, "write", 1, text);
  return io;
}

/* to_json of everything. */
static mrb_value any_to_json(mrb_state *mrb, mrb_value self)
{
  struct json_format format;
  mrb_value given = mrb_nil_value();
  mrb_get_args(mrb, "|o", &given);
  bool is_state = !mrb_nil_p(given) && json_format_is_state(mrb, given);
  json_format_plain(&format);
  if (is_state || mrb_hash_p(given)) json_format_configure(mrb, &format, given);
  return json_write(mrb, &format, is_state ? given : mrb_nil_value(), self, true);
}

/* --- in short --- */

/* JSON[x], JSON(x): a text is parsed, all else is generated. */
static mrb_value json_either(mrb_state *mrb, mrb_value self)
{
  mrb_value value, given = mrb_nil_value();
  mrb_get_args(mrb, "o|o", &value, &given);
  bool text = mrb_string_p(value) || mrb_respond_to(mrb, value, mrb_intern_lit(mrb, "to_str"));
  return text ? json_parse(mrb, self) : json_generate(mrb, self);
}

static mrb_value print_all(mrb_state *mrb, bool pretty)
{
  const mrb_value *given;
  mrb_int count;
  struct json_format format;
  mrb_get_args(mrb, "*", &given, &count);
  mrb_value values = mrb_ary_new_from_values(mrb, count, given);
  for (mrb_int i = 0; i < RARRAY_LEN(values); i++) {
    if (pretty)
      json_format_pretty(mrb, &format);
    else
      json_format_plain(&format);
    format.allow_nan = true;
    format.max_nesting = 0;
    mrb_value text = json_write(mrb, &format, mrb_nil_value(), RARRAY_PTR(values)[i], false);
    mrb_funcall(mrb, mrb_top_self(mrb), "puts", 1, text);
  }
  return mrb_nil_value();
}

static mrb_value kernel_j(mrb_state *mrb, mrb_value self)
{
  (void)self;
  return print_all(mrb, false);
}

static mrb_value kernel_jj(mrb_state *mrb, mrb_value self)
{
  (void)self;
  return print_all(mrb, true);
}

/* --- the module --- */

static struct RClass *define_error(mrb_state *mrb, struct RClass *json, const char *name,
                                   struct RClass *super)
{
  struct RClass *error = mrb_define_class_under(mrb, json, name, super);
  ruby_keep(mrb, name, error);
  return error;
}

static void define_errors(struct ruby *ruby, struct RClass *json)
{
  mrb_state *mrb = ruby->mrb;
  struct RClass *error = define_error(mrb, json, "JSONError", mrb->eStandardError_class);
  ruby->json.parser_error = define_error(mrb, json, "ParserError", error);
  ruby->json.nesting_error = define_error(mrb, json, "NestingError", ruby->json.parser_error);
  ruby->json.generator_error = define_error(mrb, json, "GeneratorError", error);
}

static void define_to_json(mrb_state *mrb)
{
  struct RClass *const classes[] = {mrb->object_class, mrb->hash_class,    mrb->array_class,
                                    mrb->string_class, mrb->integer_class, mrb->float_class,
                                    mrb->nil_class,    mrb->true_class,    mrb->false_class};
  for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
    mrb_define_method(mrb, classes[i], "to_json", any_to_json, MRB_ARGS_OPT(1));
}

void ruby_json_init(struct ruby *ruby)
{
  static const struct {
    const char *name;
    mrb_func_t function;
    mrb_aspec arguments;
  } functions[] = {
      {"parse", json_parse, MRB_ARGS_ARG(1, 1)},
      {"parse!", json_parse_trusted, MRB_ARGS_ARG(1, 1)},
      {"load", json_load, MRB_ARGS_ARG(1, 2)},
      {"restore", json_load, MRB_ARGS_ARG(1, 2)},
      {"generate", json_generate, MRB_ARGS_ARG(1, 1)},
      {"unparse", json_generate, MRB_ARGS_ARG(1, 1)},
      {"fast_generate", json_fast_generate, MRB_ARGS_ARG(1, 1)},
      {"pretty_generate", json_pretty_generate, MRB_ARGS_ARG(1, 1)},
      {"pretty_unparse", json_pretty_generate, MRB_ARGS_ARG(1, 1)},
      {"dump", json_dump, MRB_ARGS_ARG(1, 2)},
      {"[]", json_either, MRB_ARGS_ARG(1, 1)},
  };
  mrb_state *mrb = ruby->mrb;
  struct RClass *json = mrb_define_module(mrb, "JSON");
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
    mrb_define_module_function(mrb, json, functions[i].name, functions[i].function,
                               functions[i].arguments);
  define_errors(ruby, json);
  json_format_init(mrb, json);
  mrb_define_method(mrb, ruby->json.state, "generate", state_generate, MRB_ARGS_REQ(1));
  define_to_json(mrb);
  mrb_define_const(mrb, json, "NaN", mrb_float_value(mrb, (mrb_float)NAN));
  mrb_define_const(mrb, json, "Infinity", mrb_float_value(mrb, (mrb_float)INFINITY));
  mrb_define_const(mrb, json, "MinusInfinity", mrb_float_value(mrb, (mrb_float)-INFINITY));
  mrb_define_method(mrb, mrb->kernel_module, "JSON", json_either, MRB_ARGS_ARG(1, 1));
  mrb_define_method(mrb, mrb->kernel_module, "j", kernel_j, MRB_ARGS_ANY());
  mrb_define_method(mrb, mrb->kernel_module, "jj", kernel_jj, MRB_ARGS_ANY());
}
