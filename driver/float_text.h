/* Floats as text and text as Floats, by the C library and yyjson: exact, as CRuby has them.
 *
 * mruby's own functions (mrb_format_float, mrb_read_float) add up rounding errors: they read 5e-324 as 0.0,
 * print 0.1 + 0.2 as 0.3, and round 0.5 to 1 where the rest of the world has 0. The library is linked
 * with --wrap for both, as for what stdio_guard.c has, so mruby's compiler, String#to_f and format use
 * these. Any thread; neither allocates.
 */
#ifndef RUBEAM_FLOAT_TEXT_H
#define RUBEAM_FLOAT_TEXT_H

#include <mruby.h>

#include <stddef.h>

/* Room for the longest text: -1.2345678901234567e-300 */
#define FLOAT_TEXT_BYTES 64

/* The shortest text that is read as the same number, in Ruby's form: 0.1, 100.0, 1.0e+16, NaN, -Infinity.
 * Float#to_s and JSON have no other. Returns its length; there is no zero byte behind it. */
size_t float_text_write(double number, char text[FLOAT_TEXT_BYTES]);

/* Defines Float#to_s and inspect. Must be protected: it can raise. */
void float_text_init(mrb_state *mrb);

#endif
