/* Where JSON is written to: a String of Ruby's that grows, behind a buffer on the stack.
 *
 * On the job's stack; all functions can raise. What is left then belongs to the garbage collector. */
#ifndef RUBEAM_RUBY_JSON_OUT_H
#define RUBEAM_RUBY_JSON_OUT_H

#include "ruby_json_format.h"

#include <mruby.h>

#include <stdbool.h>
#include <stddef.h>

/* Bytes of stack for each level of JSON, read or written, with what it may call: libc and our own
 * functions, but not Ruby code, before which mruby looks after the stack itself. */
#define JSON_STACK ((size_t)512 << 10)

struct json_out {
  mrb_state *mrb;
  mrb_value
      text; /* without what is in `small`; protected by the arena as it was at json_out_init */
  bool ascii_only, escape_slash, escape_separators;
  size_t length; /* of what is in `small` */
  char small[512];
};

void json_out_init(struct json_out *out, mrb_state *mrb, const struct json_format *format);

/* The bytes as they are. They may be in memory that the collector moves or frees: no Ruby code runs
 * and nothing is collected before they are copied. */
void json_out_put(struct json_out *out, const char *bytes, size_t length);

/* A string in quotes, escaped. Raises JSON::GeneratorError for invalid UTF-8. The first is for a short
 * one that may be anywhere; the second has safe points. */
void json_out_text(struct json_out *out, const char *bytes, size_t length);
void json_out_string(struct json_out *out, mrb_value string);

/* The whole text. */
mrb_value json_out_end(struct json_out *out);

#endif
