/* The classes of the Ruby module Erlang, for the converters (term.c) and themselves alone. */
#ifndef RUBEAM_TERM_TYPES_H
#define RUBEAM_TERM_TYPES_H

#include "etf.h"
#include "term.h"
#include "term_names.h"

#include <mruby.h>

struct term_types {
  struct RClass *tuple, *pid, *reference, *port, *fun;
  struct RClass *term_error;
  mrb_sym to_erl;
  struct term_names *names;
};

/* The levels that a context allows. */
static inline uint32_t term_depth(const struct term_context *context)
{
  if (context->depth == 0) return TERM_DEPTH;
  return context->depth < TERM_DEPTH_MOST ? context->depth : TERM_DEPTH_MOST;
}

/* An encoded term that Ruby can only hold, compare and give back. */
struct opaque {
  enum etf_kind kind;
  size_t length;
  uint8_t bytes[];
};

/* Makes a tuple of an array that nobody else holds; gives back the same object. */
mrb_value tuple_from_array(const struct term_types *types, mrb_value array);

/* Is this array (a value of type MRB_TT_ARRAY) a tuple? */
bool tuple_is(mrb_state *mrb, const struct term_types *types, mrb_value array);

/* Makes an opaque object of an item of kind ETF_PID or later. The bytes are copied. */
mrb_value opaque_new(mrb_state *mrb, const struct term_types *types, const struct etf_item *item);

/* The contents of an opaque object; they live as long as it. NULL for any other value. */
const struct opaque *opaque_of(mrb_state *mrb, mrb_value value);

/* Objects of the class are of this kind. */
void term_set_instance_type(struct RClass *class, enum mrb_vtype type);

#endif
