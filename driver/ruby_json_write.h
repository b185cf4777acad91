/* Values of Ruby as JSON.
 *
 * The exact class of a value decides: true, false, nil, Integer, Float, String, Array and Hash are
 * written without a method being called; any other object by its to_json, or, without one, as the String
 * that its to_s gives. That includes instances of subclasses and objects with methods of their own, as
 * in Ruby.
 *
 * On the job's stack, inside a protected call: functions here raise. */
#ifndef RUBEAM_RUBY_JSON_WRITE_H
#define RUBEAM_RUBY_JSON_WRITE_H

#include "ruby_json_format.h"

#include <mruby.h>

#include <stdbool.h>

/* The text, a new String.
 *
 *   state      the state that to_json methods get; nil: one is made of `format` when it is needed
 *   itself     the value's kind decides, not its exact class: for what to_json does by itself
 *
 * Raises JSON::NestingError beyond format->max_nesting levels, SystemStackError where the stack ends,
 * JSON::GeneratorError for NaN, infinity and invalid UTF-8, TypeError for a to_json or to_s that gives no
 * String, and whatever those raise. They may do anything, the value being changed by them too: an Array
 * is then written as it is when its turn comes, a Hash as it was when it was begun. */
mrb_value json_write(mrb_state *mrb, const struct json_format *format, mrb_value state,
                     mrb_value value, bool itself);

#endif
