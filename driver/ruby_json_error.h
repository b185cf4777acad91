/* What is wrong with a text that is no JSON, and where, in the words of Ruby's json.
 *
 * On the job's stack, inside a protected call: functions here raise. No Ruby code runs. */
#ifndef RUBEAM_RUBY_JSON_ERROR_H
#define RUBEAM_RUBY_JSON_ERROR_H

#include <mruby.h>

#include <stdbool.h>
#include <stddef.h>

/* Raises the error of a text that is no JSON, or nested deeper than `max_nesting` (0: however deep).
 * Returns if it finds none. `allow_nan`: NaN, Infinity and -Infinity are none. */
void json_find_error(mrb_state *mrb, mrb_value text, mrb_int max_nesting, bool allow_nan);

/* "unexpected token at" what begins so many bytes into the text. */
_Noreturn void json_fail_at(mrb_state *mrb, mrb_value text, size_t at);

#endif
