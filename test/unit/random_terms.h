/* Random terms, the same for the same seed. */
#ifndef RUBEAM_RANDOM_TERMS_H
#define RUBEAM_RANDOM_TERMS_H

#include "buffer.h"

#include <stddef.h>
#include <stdint.h>

/* SplitMix64, https://prng.di.unimi.it/splitmix64.c */
struct random {
  uint64_t state;
};

uint64_t random_next(struct random *random);
size_t random_below(struct random *random, size_t bound);

/* Writes a term of at most `depth` levels. Its maps have no equal keys, its atoms are from a small
 * stock, and there are opaque terms in it. */
void random_term(struct random *random, struct buffer *buffer, unsigned depth);

#endif
