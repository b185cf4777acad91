/* Bytecode: what `compile` gives and `load` takes.
 *
 *   bytes 0 to 3     "RBC1"
 *         4 to 11    which build of mruby made it
 *        12 to 19    a checksum of all that follows, and of the build
 *        20 …        mruby's own format (RITE), with file names and lines
 *
 * The head tells what was damaged on its way, or comes from another build: such bytes never reach
 * mruby, whose reader trusts them. It is no protection against who makes bytecode on purpose: see
 * docs/security.md.
 *
 * Called on the job's stack, protected: all functions can raise.
 */
#ifndef RUBEAM_RUBY_BYTECODE_H
#define RUBEAM_RUBY_BYTECODE_H

#include "buffer.h"
#include "request.h"

#include <mruby.h>

#define BYTECODE_HEAD 20

/* The bytecode of a program, as an encoded binary. Raises NoMemoryError, and RuntimeError where mruby
 * can't write it. */
void ruby_bytecode_put(mrb_state *mrb, const struct RProc *proc, struct buffer *out);

/* The program, to be run with mrb_top_run. Raises LoadError for what is no bytecode of this build, or
 * damaged. */
struct RProc *ruby_bytecode_read(mrb_state *mrb, struct piece bytes);

#endif
