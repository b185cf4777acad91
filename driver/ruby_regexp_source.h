/* How regular expressions are written: in Ruby, and for Oniguruma.
 *
 * On a job's stack; all functions may raise. */
#ifndef RUBEAM_RUBY_REGEXP_SOURCE_H
#define RUBEAM_RUBY_REGEXP_SOURCE_H

#include "regexp.h"

#include <mruby.h>

/* How a source is written for Oniguruma: \u{…} is Ruby's alone. */
mrb_value ruby_regexp_pattern(mrb_state *mrb, mrb_value source, unsigned *options);

/* Regexp.escape, #to_s, and #inspect. */
mrb_value ruby_regexp_escape(mrb_state *mrb, mrb_value text);
mrb_value ruby_regexp_to_s(mrb_state *mrb, const struct regexp *regexp);
mrb_value ruby_regexp_inspect(mrb_state *mrb, const struct regexp *regexp);

#endif
