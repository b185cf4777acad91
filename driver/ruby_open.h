/* Opening and closing the Ruby of an interpreter: mruby, and all that Rubeam defines in it. */
#ifndef RUBEAM_RUBY_OPEN_H
#define RUBEAM_RUBY_OPEN_H

#include "atoms.h"
#include "options.h"
#include "ruby.h"
#include "slice.h"
#include "status.h"

/* Opens an interpreter in slice->heap and attaches it to the slice. Runs mruby's own start-up
 * code, no user code. Must be called on a coroutine: mruby calls abort() when it gets no memory.
 * STATUS_NO_MEMORY: the heap is too small for it. */
MUST_CHECK enum status ruby_open(struct ruby *ruby, struct slice *slice,
                                 const struct options *options, const struct ruby_host *host,
                                 void *context, struct atoms *atoms);

/* Gives a struct ruby that was copied from another one its own surroundings; and takes them away from a copy: then only
 * what is the same in each interpreter that was prepared alike, and pointers into its heap, are left. */
void ruby_attach(struct ruby *ruby, struct slice *slice, const struct options *options,
                 const struct ruby_host *host, void *context, struct atoms *atoms);
void ruby_detach(struct ruby *ruby);

/* Frees what is not in the heap; what is goes with it, and no code of Ruby's runs. Any thread, when no
 * job is left. */
void ruby_close(struct ruby *ruby);

#endif
