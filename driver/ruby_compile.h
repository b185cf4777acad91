/* Compiling the code of evals, in the one scope that all evals of an interpreter share: local
 * variables live on from one to the next.
 *
 * Called on the job's stack, protected: all functions can raise.
 */
#ifndef RUBEAM_RUBY_COMPILE_H
#define RUBEAM_RUBY_COMPILE_H

#include "request.h"
#include "ruby_cache.h"
#include "slice.h"
#include "term.h"

#include <mruby.h>
#include <mruby/compile.h>

struct ruby_compiler {
  struct slice *slice;          /* [const] */
  struct RProc *scope;          /* holds the names of the session's variables */
  struct REnv *variables;       /* … and their values */
  struct mrb_ccontext *context; /* mruby's, kept from eval to eval */
  struct ruby_cache cache;
};

/* An empty session. */
void ruby_compile_open(struct ruby_compiler *compiler, mrb_state *mrb, struct slice *slice);

/* The code of an eval, to be run with mrb_top_run; it may be one that has run before. Raises
 * SyntaxError. */
struct RProc *ruby_compile(struct ruby_compiler *compiler, mrb_state *mrb,
                           const struct request *request);

/* The code as a program of its own, with local variables of its own. Raises SyntaxError. */
struct RProc *ruby_compile_alone(struct ruby_compiler *compiler, mrb_state *mrb,
                                 const struct request *request);

/* Gives variables of the session these values, an encoded map of them, as if they were assigned;
 * names and number are what request.h says. All or none. Raises what term_decode does, and RuntimeError where a
 * session can't have so many variables. */
void ruby_compile_bind(struct ruby_compiler *compiler, mrb_state *mrb, struct piece bindings,
                       const struct term_context *terms);

/* The session's variables: an Array of their names, Symbols; and the value of one, nil if there is none of
 * that name. */
mrb_value ruby_compile_names(const struct ruby_compiler *compiler, mrb_state *mrb);
mrb_value ruby_compile_value(const struct ruby_compiler *compiler, mrb_sym name);

#endif
