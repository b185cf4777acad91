/* Integers of more than 64 bits between mruby and the external term format, for term.c alone. */
#ifndef RUBEAM_TERM_BIG_H
#define RUBEAM_TERM_BIG_H

#include "buffer.h"

#include <mruby.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Makes an Integer of a magnitude (little-endian). */
mrb_value big_new(mrb_state *mrb, bool negative, const uint8_t *magnitude, size_t length);

/* Writes an Integer that is a big one (mrb_bigint_p). False if its magnitude has more than `most`
 * bytes; nothing is then written. */
bool big_put(mrb_state *mrb, struct buffer *buffer, mrb_value value, size_t most);

#endif
