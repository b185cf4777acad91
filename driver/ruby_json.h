/* The module JSON that Ruby sees: parse, generate and what belongs to them, and to_json.
 *
 *   ruby_json.c          the module, its errors, its functions
 *   ruby_json_read.c     text to values, with yyjson
 *   ruby_json_error.c    … and where a text is wrong, in the words of Ruby's json
 *   ruby_json_write.c    values to text;  ruby_json_out.c: the text
 *   ruby_json_format.c   the options of generate, JSON::State
 *
 * All of it runs on the job's stack, called by Ruby code, and raises. It holds memory of the
 * interpreter's heap alone, yyjson's included. */
#ifndef RUBEAM_RUBY_JSON_H
#define RUBEAM_RUBY_JSON_H

#include "ruby.h"

/* Defines JSON and the to_json methods. While the interpreter is opened, protected. */
void ruby_json_init(struct ruby *ruby);

#endif
