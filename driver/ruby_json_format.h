/* How JSON is to be generated: the options of JSON.generate and JSON.pretty_generate, and the class
 * JSON::State, in which they reach to_json methods and come back from them.
 *
 * A state is a Ruby object that keeps the options in instance variables; C code works on a copy. What
 * Ruby code does to the object, or to the strings in it, while JSON is generated does not matter to the
 * copy: its strings are frozen and protected from garbage collection by the arena of the caller.
 *
 * On the job's stack; all functions can raise. */
#ifndef RUBEAM_RUBY_JSON_FORMAT_H
#define RUBEAM_RUBY_JSON_FORMAT_H

#include <mruby.h>

#include <stdbool.h>

/* Levels of JSON in one another, read or written, where no option says how many. */
#define JSON_MAX_NESTING 100

/* The option of this name in a Hash of options, of parse too; undef: it is not given. */
mrb_value json_option(mrb_state *mrb, mrb_value hash, const char *name);

enum json_text { JSON_INDENT, JSON_SPACE, JSON_SPACE_BEFORE, JSON_OBJECT_NL, JSON_ARRAY_NL };
#define JSON_TEXTS 5

struct json_format {
  mrb_value texts
      [JSON_TEXTS]; /* frozen Strings; nil: not given. An empty array_nl begins no line, but indents. */
  mrb_int max_nesting; /* 0: none but the C stack's */
  mrb_int depth;       /* levels that are open */
  bool allow_nan;
  bool ascii_only;
  bool escape_slash; /* / too */
  bool script_safe;  /* /, U+2028 and U+2029 too */
};

/* JSON.generate's. */
void json_format_plain(struct json_format *format);

/* JSON.pretty_generate's. */
void json_format_pretty(mrb_state *mrb, struct json_format *format);

/* Changes what the options name. `options` is a Hash, or has to_hash or to_h, else a TypeError; nil
 * changes nothing. May run Ruby code. Raises TypeError for an option of the wrong type; unknown ones are
 * ignored, as in Ruby. */
void json_format_configure(mrb_state *mrb, struct json_format *format, mrb_value options);

/* Is it a JSON::State? */
bool json_format_is_state(mrb_state *mrb, mrb_value value);

/* The options in a state. What is no option's value in it is taken for the default. */
void json_format_read(mrb_state *mrb, struct json_format *format, mrb_value state);

/* A state with these options. */
mrb_value json_format_to_state(mrb_state *mrb, const struct json_format *format);

/* The levels that are open, alone. */
void json_format_set_depth(mrb_state *mrb, mrb_value state, mrb_int depth);
mrb_int json_format_depth(mrb_state *mrb, mrb_value state);

/* Defines JSON::State, but for its `generate`. Keeps the class in the struct ruby of the state. */
void json_format_init(mrb_state *mrb, struct RClass *json);

#endif
