/* The options of JSON.generate: see ruby_json_format.h. */
#include "ruby_json_format.h"

#include "ruby.h"
#include "ruby_keep.h"

#include <mruby/class.h>
#include <mruby/hash.h>
#include <mruby/string.h>
#include <mruby/variable.h>
#include <string.h>

static const char *const text_names[JSON_TEXTS] = {"indent", "space", "space_before", "object_nl",
                                                   "array_nl"};

enum number { MAX_NESTING, DEPTH };
#define NUMBERS 2
static const char *const number_names[NUMBERS] = {"max_nesting", "depth"};

enum flag { ALLOW_NAN, ASCII_ONLY, ESCAPE_SLASH, SCRIPT_SAFE };
#define FLAGS 4
static const char *const flag_names[FLAGS] = {"allow_nan", "ascii_only", "escape_slash",
                                              "script_safe"};

static mrb_int *number(struct json_format *format, unsigned which)
{
  return which == DEPTH ? &format->depth : &format->max_nesting;
}

static bool *flag(struct json_format *format, unsigned which)
{
  return which == ALLOW_NAN      ? &format->allow_nan
         : which == ASCII_ONLY   ? &format->ascii_only
         : which == ESCAPE_SLASH ? &format->escape_slash
                                 : &format->script_safe;
}

/* "name" as the instance variable that a state has for it. */
static mrb_sym variable(mrb_state *mrb, const char *name)
{
  char text[32] = "@";
  strncat(text, name, sizeof text - 2);
  return mrb_intern_cstr(mrb, text);
}

void json_format_plain(struct json_format *format)
{
  *format = (struct json_format){.max_nesting = JSON_MAX_NESTING};
  for (unsigned i = 0; i < JSON_TEXTS; i++) format->texts[i] = mrb_nil_value();
}

/* A string that stays as it is. */
static mrb_value frozen(mrb_state *mrb, mrb_value text)
{
  if (!MRB_FROZEN_P(mrb_str_ptr(text))) {
    text = mrb_str_dup(mrb, text);
    MRB_SET_FROZEN_FLAG(mrb_str_ptr(text));
  }
  mrb_gc_protect(mrb, text);
  return text;
}

void json_format_pretty(mrb_state *mrb, struct json_format *format)
{
  json_format_plain(format);
  format->texts[JSON_INDENT] = frozen(mrb, mrb_str_new_lit(mrb, "  "));
  format->texts[JSON_SPACE] = frozen(mrb, mrb_str_new_lit(mrb, " "));
  format->texts[JSON_OBJECT_NL] = format->texts[JSON_ARRAY_NL] =
      frozen(mrb, mrb_str_new_lit(mrb, "\n"));
}

/* --- options --- */

mrb_value json_option(mrb_state *mrb, mrb_value hash, const char *name)
{
  mrb_value key = mrb_symbol_value(mrb_intern_cstr(mrb, name));
  return mrb_hash_fetch(mrb, hash, key, mrb_undef_value());
}

static void set_text(mrb_state *mrb, struct json_format *format, unsigned which, mrb_value given)
{
  if (!mrb_string_p(given))
    mrb_raisef(mrb, E_TYPE_ERROR, "wrong argument type %Y (expected String)", given);
  format->texts[which] = frozen(mrb, given);
}

static mrb_int to_number(mrb_state *mrb, mrb_value given)
{
  if (!mrb_test(given)) return 0;
  if (!mrb_integer_p(given))
    mrb_raisef(mrb, E_TYPE_ERROR, "wrong argument type %Y (expected Integer)", given);
  return mrb_integer(given);
}

/* A Hash of the options. */
static mrb_value to_hash(mrb_state *mrb, mrb_value options)
{
  mrb_value hash = options;
  if (mrb_hash_p(options)) return options;
  if (mrb_respond_to(mrb, options, mrb_intern_lit(mrb, "to_hash")))
    hash = mrb_funcall(mrb, options, "to_hash", 0);
  else if (mrb_respond_to(mrb, options, mrb_intern_lit(mrb, "to_h")))
    hash = mrb_funcall(mrb, options, "to_h", 0);
  if (!mrb_hash_p(hash)) mrb_raisef(mrb, E_TYPE_ERROR, "can't convert %Y into Hash", options);
  mrb_gc_protect(mrb, hash);
  return hash;
}

void json_format_configure(mrb_state *mrb, struct json_format *format, mrb_value options)
{
  if (mrb_nil_p(options)) return;
  if (json_format_is_state(mrb, options)) {
    json_format_read(mrb, format, options);
    return;
  }
  mrb_value hash = to_hash(mrb, options), given;
  for (unsigned i = 0; i < JSON_TEXTS; i++) {
    given = json_option(mrb, hash, text_names[i]);
    if (!mrb_undef_p(given) && mrb_test(given)) set_text(mrb, format, i, given);
  }
  for (unsigned i = 0; i < NUMBERS; i++) {
    given = json_option(mrb, hash, number_names[i]);
    if (!mrb_undef_p(given)) *number(format, i) = to_number(mrb, given);
  }
  for (unsigned i = 0; i < FLAGS; i++) {
    given = json_option(mrb, hash, flag_names[i]);
    if (!mrb_undef_p(given)) *flag(format, i) = mrb_test(given);
  }
}

/* --- a state --- */

bool json_format_is_state(mrb_state *mrb, mrb_value value)
{
  return mrb_object_p(value) && mrb_obj_is_kind_of(mrb, value, ruby_of(mrb)->json.state);
}

void json_format_read(mrb_state *mrb, struct json_format *format, mrb_value state)
{
  mrb_value kept;
  json_format_plain(format);
  for (unsigned i = 0; i < JSON_TEXTS; i++) {
    kept = mrb_iv_get(mrb, state, variable(mrb, text_names[i]));
    if (mrb_string_p(kept) && RSTRING_LEN(kept) > 0) format->texts[i] = frozen(mrb, kept);
  }
  for (unsigned i = 0; i < NUMBERS; i++) {
    kept = mrb_iv_get(mrb, state, variable(mrb, number_names[i]));
    if (mrb_integer_p(kept)) *number(format, i) = mrb_integer(kept);
  }
  for (unsigned i = 0; i < FLAGS; i++)
    *flag(format, i) = mrb_test(mrb_iv_get(mrb, state, variable(mrb, flag_names[i])));
}

static void write_state(mrb_state *mrb, const struct json_format *format, mrb_value state)
{
  struct json_format copy = *format;
  for (unsigned i = 0; i < JSON_TEXTS; i++) {
    mrb_value text = copy.texts[i];
    if (mrb_nil_p(text)) text = mrb_str_new(mrb, NULL, 0);
    mrb_iv_set(mrb, state, variable(mrb, text_names[i]), text);
  }
  for (unsigned i = 0; i < NUMBERS; i++)
    mrb_iv_set(mrb, state, variable(mrb, number_names[i]), mrb_int_value(mrb, *number(&copy, i)));
  for (unsigned i = 0; i < FLAGS; i++)
    mrb_iv_set(mrb, state, variable(mrb, flag_names[i]), mrb_bool_value(*flag(&copy, i)));
}

mrb_value json_format_to_state(mrb_state *mrb, const struct json_format *format)
{
  struct RClass *class = ruby_of(mrb)->json.state;
  mrb_value state = mrb_obj_value(mrb_obj_alloc(mrb, MRB_TT_OBJECT, class));
  write_state(mrb, format, state);
  return state;
}

void json_format_set_depth(mrb_state *mrb, mrb_value state, mrb_int depth)
{
  mrb_iv_set(mrb, state, variable(mrb, number_names[DEPTH]), mrb_int_value(mrb, depth));
}

mrb_int json_format_depth(mrb_state *mrb, mrb_value state)
{
  mrb_value depth = mrb_iv_get(mrb, state, variable(mrb, number_names[DEPTH]));
  return mrb_integer_p(depth) ? mrb_integer(depth) : 0;
}

/* --- its methods --- */

static mrb_value state_initialize(mrb_state *mrb, mrb_value self)
{
  struct json_format format;
  mrb_value options = mrb_nil_value();
  mrb_get_args(mrb, "|o", &options);
  json_format_plain(&format);
  json_format_configure(mrb, &format, options);
  write_state(mrb, &format, self);
  return self;
}

static mrb_value state_configure(mrb_state *mrb, mrb_value self)
{
  struct json_format format;
  json_format_read(mrb, &format, self);
  json_format_configure(mrb, &format, mrb_get_arg1(mrb));
  write_state(mrb, &format, self);
  return self;
}

static mrb_value state_to_h(mrb_state *mrb, mrb_value self)
{
  mrb_value hash = mrb_hash_new(mrb);
  for (unsigned i = 0; i < JSON_TEXTS + NUMBERS + FLAGS; i++) {
    const char *name = i < JSON_TEXTS           ? text_names[i]
                       : i < JSON_TEXTS + FLAGS ? flag_names[i - JSON_TEXTS]
                                                : number_names[i - JSON_TEXTS - FLAGS];
    mrb_hash_set(mrb, hash, mrb_symbol_value(mrb_intern_cstr(mrb, name)),
                 mrb_iv_get(mrb, self, variable(mrb, name)));
  }
  return hash;
}

/* The name of the method that runs, without what its name ends with. */
static const char *own_name(mrb_state *mrb, char *text, size_t room)
{
  const char *name = mrb_sym_name(mrb, mrb_get_mid(mrb));
  size_t length = name ? strcspn(name, "=?") : 0;
  if (length >= room) length = room - 1;
  if (name) memcpy(text, name, length);
  text[length] = 0;
  return text;
}

static mrb_value state_get(mrb_state *mrb, mrb_value self)
{
  char name[32];
  return mrb_iv_get(mrb, self, variable(mrb, own_name(mrb, name, sizeof name)));
}

/* Any of the accessors: as if it were configured with this alone. */
static mrb_value state_set(mrb_state *mrb, mrb_value self)
{
  char name[32];
  struct json_format format;
  mrb_value options = mrb_hash_new(mrb), given = mrb_get_arg1(mrb);
  mrb_sym key = mrb_intern_cstr(mrb, own_name(mrb, name, sizeof name));
  mrb_hash_set(mrb, options, mrb_symbol_value(key), given);
  json_format_read(mrb, &format, self);
  json_format_configure(mrb, &format, options);
  write_state(mrb, &format, self);
  return given;
}

static mrb_value state_check_circular(mrb_state *mrb, mrb_value self)
{
  struct json_format format;
  json_format_read(mrb, &format, self);
  return mrb_bool_value(format.max_nesting != 0);
}

void json_format_init(mrb_state *mrb, struct RClass *json)
{
  static const char *const readers[] = {
      "indent",       "space",       "space_before", "object_nl",     "array_nl",
      "max_nesting",  "depth",       "escape_slash", "escape_slash?", "script_safe",
      "script_safe?", "ascii_only?", "allow_nan?"};
  static const char *const writers[] = {
      "indent=",      "space=", "space_before=", "object_nl=",  "array_nl=",
      "max_nesting=", "depth=", "escape_slash=", "script_safe="};
  struct RClass *state = mrb_define_class_under(mrb, json, "State", mrb->object_class);
  ruby_of(mrb)->json.state = state;
  ruby_keep(mrb, "rubeam json state", state);
  for (size_t i = 0; i < sizeof readers / sizeof *readers; i++)
    mrb_define_method(mrb, state, readers[i], state_get, MRB_ARGS_NONE());
  for (size_t i = 0; i < sizeof writers / sizeof *writers; i++)
    mrb_define_method(mrb, state, writers[i], state_set, MRB_ARGS_REQ(1));
  mrb_define_method(mrb, state, "initialize", state_initialize, MRB_ARGS_OPT(1));
  mrb_define_method(mrb, state, "configure", state_configure, MRB_ARGS_REQ(1));
  mrb_define_method(mrb, state, "merge", state_configure, MRB_ARGS_REQ(1));
  mrb_define_method(mrb, state, "to_h", state_to_h, MRB_ARGS_NONE());
  mrb_define_method(mrb, state, "to_hash", state_to_h, MRB_ARGS_NONE());
  mrb_define_method(mrb, state, "check_circular?", state_check_circular, MRB_ARGS_NONE());
}
