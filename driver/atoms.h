/* The atoms that Ruby may make. Erlang never frees an atom and stops when its table is full, so
 * what comes from Ruby is counted for the whole node, and ends at a limit.
 *
 * Threads: any, at any time; a lock inside. Nothing is called while it is held.
 */
#ifndef RUBEAM_ATOMS_H
#define RUBEAM_ATOMS_H

#include "status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ATOMS_LIMIT 10000 /* a good default */

/* The most names that are remembered from atoms_know: the size of a node's atom table by default.
 * https://www.erlang.org/doc/system/system_limits.html */
#define ATOMS_KNOWN_MOST 1048576

/* A set of names. */
struct atoms;

struct atoms_figures {
  size_t admitted; /* names that came from Ruby first, and count */
  size_t known;    /* names that came from Erlang first */
  size_t limit;
};

/* Opens an empty set. The caller owns *atoms. STATUS_NO_MEMORY. */
MUST_CHECK enum status atoms_open(size_t limit, struct atoms **atoms);

/* Frees the set, which nobody may use any more. NULL is fine. */
void atoms_close(struct atoms *atoms);

/* May this name become an atom? STATUS_OK if it is in the set, or could be added to it. The name is
 * copied. Since an atom stays for ever, so does the answer STATUS_OK.
 *
 * STATUS_TOO_LARGE: it would be one more than the limit. STATUS_NO_MEMORY: it could not be added.
 * STATUS_MALFORMED, STATUS_UNSUPPORTED: it can't be a name at all, see etf_check_atom. */
MUST_CHECK enum status atoms_admit(struct atoms *atoms, const uint8_t *name, size_t length);

/* Adds a name of which the node surely has the atom, so that it doesn't count when it comes from
 * Ruby later. Bytes that somebody sent prove nothing; a term that the VM itself encoded does. A
 * name that came from Ruby first goes on counting. The name is copied.
 *
 * STATUS_TOO_LARGE: too many are known already; the name is then not. Else as atoms_admit. */
MUST_CHECK enum status atoms_know(struct atoms *atoms, const uint8_t *name, size_t length);

/* Sets another limit. What has been admitted stays so. */
void atoms_set_limit(struct atoms *atoms, size_t limit);

void atoms_figures(struct atoms *atoms, struct atoms_figures *out);

/* What one interpreter has asked before, so that the set and its lock are asked once for most
 * symbols: which symbol was last seen in each place. Zeroed memory is an empty cache. It is valid
 * for one numbering of symbols, that is one interpreter or a copy of it, and for one set.
 *
 * Not a bitmap over the symbols' numbers: mruby numbers short names by their letters (:ok is
 * 641,728,512), so a bitmap would need up to 128 MB.
 *
 * Threads: the interpreter's own, no lock. */
#define ATOMS_CACHE_SIZE 256

struct atoms_cache {
  uint32_t symbols[ATOMS_CACHE_SIZE]; /* 0: none; mruby has no symbol 0 */
};

static inline uint32_t *atoms_place(struct atoms_cache *cache, uint32_t symbol)
{
  /* Fibonacci hashing: short names differ in the high bits only. */
  return &cache->symbols[symbol * UINT32_C(2654435769) >> 24];
}

static inline bool atoms_seen(struct atoms_cache *cache, uint32_t symbol)
{
  return *atoms_place(cache, symbol) == symbol;
}

static inline void atoms_remember(struct atoms_cache *cache, uint32_t symbol)
{
  *atoms_place(cache, symbol) = symbol;
}

#endif
