/* Texts that an interpreter has evaluated, compiled: one that comes again and again is compiled
 * once. See ruby_compile.c, which asks.
 *
 * A text is kept when it comes for the second time, so what comes once leaves nothing but a number.
 * What it means depends on its file and line, which are in the code, and on the variables of the
 * session, since the compiler takes an unknown name for a method. Long texts are not kept, nor is any while
 * memory is scarce.
 *
 * Thread: who holds the running slice; the figures: any. All memory is the heap's.
 */
#ifndef RUBEAM_RUBY_CACHE_H
#define RUBEAM_RUBY_CACHE_H

#include "heap.h"
#include "request.h"

#include <mruby.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RUBY_CACHE_PLACES 32
#define RUBY_CACHE_BYTES  1024 /* of the longest text that is kept, with its file's name */

struct ruby_cache {
  struct cached_text {
    struct RProc *proc; /* NULL: none; the collector sees it in `procs` */
    uint8_t *text;      /* code and file, one behind the other; in the heap */
    uint64_t hash;
    size_t code_length, file_length;
    uint32_t line, names;
  } places[RUBY_CACHE_PLACES];
  uint64_t seen[RUBY_CACHE_PLACES]; /* hashes of texts that came, but are not kept */
  unsigned turn;                    /* which place of several goes next */
  struct RArray *procs;             /* keeps them alive, not to be found by Ruby code */
  _Atomic unsigned kept;            /* [any] places in use */
  _Atomic uint64_t hits;            /* [any] times that nothing had to be compiled */
};

/* What is asked for. The bytes are the caller's. */
struct ruby_text {
  struct piece code, file; /* no file: as if it had no name */
  uint32_t line;
  uint32_t names; /* how many variables the session has; they are only ever added to */
  uint64_t hash;  /* by ruby_cache_text */
};

/* An empty cache. Raises NoMemoryError. */
void ruby_cache_open(struct ruby_cache *cache, mrb_state *mrb);

/* Fills in what to ask with. */
struct ruby_text ruby_cache_text(struct piece code, struct piece file, uint32_t line,
                                 uint32_t names);

/* The code of such a text; NULL: it is not kept. */
struct RProc *ruby_cache_find(struct ruby_cache *cache, const struct ruby_text *text);

/* The text was compiled. Keeps the code if it came before; never fails or raises. `scarce`: drops
 * all that is kept. */
void ruby_cache_offer(struct ruby_cache *cache, mrb_state *mrb, struct heap *heap, bool scarce,
                      const struct ruby_text *text, struct RProc *proc);

#endif
