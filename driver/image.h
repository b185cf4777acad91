/* Memory that is full of pointers into itself, copied so that it can be laid down elsewhere.
 *
 * Which of its words are pointers is not known from their types, but found out: two specimens are made in the same way
 * in different places, and compared word by word.
 *
 *   both are alike                                        data
 *   they differ by the distance of the places, and
 *   each of them is an address in its specimen            a pointer, to be moved
 *   anything else                                         not to be had twice: there is no image
 *
 * Pure: no state. An image does not change once it is made, so any number of threads may lay it down.
 */
#ifndef RUBEAM_IMAGE_H
#define RUBEAM_IMAGE_H

#include "status.h"

#include <stddef.h>
#include <stdint.h>

struct image {
  uint64_t *words; /* pointers as distances from the place */
  size_t length;   /* bytes */
  uint32_t *moved; /* which words are pointers */
  size_t count;
};

/* One of the two. `words` hold what is at `from` (which need not be the place itself), `length` bytes,
 * at most 2^34, a multiple of 8; the place that pointers point into begins at `place`. */
struct specimen {
  const uint64_t *words;
  size_t length;
  uintptr_t place;
  size_t place_length;
};

/* The caller ends it with image_fini. STATUS_NO_MEMORY; STATUS_MALFORMED: they differ in their lengths (*odd is
 * SIZE_MAX), or in the word *odd. */
MUST_CHECK enum status image_make(const struct specimen *one, const struct specimen *other,
                                  struct image *image, size_t *odd);

/* One of all zeros may be given, too. */
void image_fini(struct image *image);

/* Moves the pointers of words that were copied from the image: into the place that begins here. */
void image_move(const struct image *image, void *copied, uintptr_t place);

#endif
