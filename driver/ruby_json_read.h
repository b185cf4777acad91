/* JSON as values of Ruby.
 *
 * On the job's stack, inside a protected call: functions here raise. No Ruby code runs. */
#ifndef RUBEAM_RUBY_JSON_READ_H
#define RUBEAM_RUBY_JSON_READ_H

#include <mruby.h>

#include <stdbool.h>
#include <stddef.h>

struct json_options {
  mrb_int max_nesting; /* 0: none but the C stack's */
  bool symbolize_names;
  bool allow_nan; /* NaN, Infinity and -Infinity */
  bool freeze;    /* all that is made */
};

/* The value of a text, which is a String. Of equal keys the last one wins. Strings are taken byte for
 * byte, valid UTF-8 or not, as in Ruby.
 *
 * Raises JSON::ParserError, JSON::NestingError beyond max_nesting, SystemStackError where the stack ends,
 * and NoMemoryError. */
mrb_value json_read(mrb_state *mrb, mrb_value text, const struct json_options *options);

/* An Integer of decimal digits, of any size. */
mrb_value json_read_integer(mrb_state *mrb, bool negative, const char *digits, size_t count);

#endif
