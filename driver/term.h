/* Terms of Erlang as values of Ruby, and back.
 *
 *   integer                 Integer                  binary   String, byte for byte
 *   float                   Float                    list     Array (a list of bytes too)
 *   true, false, nil        true, false, nil         tuple    Erlang::Tuple
 *   other atom              Symbol                   map      Hash
 *   pid, reference, port, fun                        Erlang::Pid, Reference, Port, Fun
 *
 * Bit strings and improper lists have no form in Ruby; NaN and infinity have none in Erlang. Any
 * other object of Ruby has the form that its method to_erl returns.
 *
 * Functions here raise Ruby exceptions, so they must be called inside a protected call
 * (mrb_protect_error, or a method that Ruby called). They run on the thread, and the stack, of the
 * interpreter. What they hold when an exception passes through belongs to Ruby's garbage collector.
 */
#ifndef RUBEAM_TERM_H
#define RUBEAM_TERM_H

#include "atoms.h"
#include "buffer.h"
#include "etf.h"

#include <mruby.h>

#include <stdbool.h>
#include <stdint.h>

/* Levels of lists, tuples and maps in one another: the default, and the most (each level takes less
 * than 1 KB of stack). */
#define TERM_DEPTH      256
#define TERM_DEPTH_MOST 1024

#define TERM_BIG_BYTES  65536 /* of an integer; mruby's arithmetic is not made for more */
#define TERM_CHECKPOINT 1024  /* elements between two checkpoints */
#define TERM_TO_ERL     8     /* a to_erl may return an object with a to_erl, so many times */

/* The classes that Ruby sees, and what else is needed of one interpreter. */
struct term_types;

struct term_context {
  const struct term_types *types; /* of this interpreter: term_types(mrb); NULL: looked up */
  struct atoms *atoms;            /* NULL: Ruby may make any atom */
  struct atoms_cache *cache;      /* NULL if atoms is; else this interpreter's own */
  bool atoms_exist;               /* decoding: the VM itself has encoded it, so it has the atoms */
  uint32_t depth;                 /* levels; 0: TERM_DEPTH. More than TERM_DEPTH_MOST is that. */
  void (*checkpoint)(void *data); /* called now and then; may switch away, or raise. May be NULL. */
  void *checkpoint_data;
};

/* Defines the module Erlang with Tuple, Pid, Reference, Port, Fun, Error and TermError. Once for
 * each interpreter, before any of its own code runs. */
void term_init(mrb_state *mrb);

/* What term_init has made. It lives as long as the interpreter, in memory from its allocator; a
 * copy of an interpreter has its own. */
const struct term_types *term_types(mrb_state *mrb);

/* Reads one term, which begins at the reader, without the version byte. The reader then stands
 * behind it. What lies there after an exception is not defined. The value is protected from garbage
 * collection by one place of the arena.
 *
 * Raises Erlang::TermError for bytes that are no term, for what has no form in Ruby (the message
 * names it), and beyond the limits. Of equal keys of a map (no Erlang makes such) the last one wins.
 */
mrb_value term_decode(mrb_state *mrb, struct etf_reader *reader,
                      const struct term_context *context);

/* Writes a value as a term, without the version byte. Takes no reference to the buffer.
 *
 * Runs Ruby code if there is an object with a to_erl in it; the buffer must not be
 * written to by that.
 * Raises Erlang::TermError for what has no form in Erlang (the message names it), beyond the
 * limits, and if the buffer fails; and whatever a to_erl raises. The buffer then holds a part of
 * the term: the caller cuts it off. */
void term_encode(mrb_state *mrb, struct buffer *buffer, mrb_value value,
                 const struct term_context *context);

#endif
