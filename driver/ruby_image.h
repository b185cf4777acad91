/* Opening an interpreter by copying one that was opened, and prepared, before.
 *
 * mruby's start, with all that we define, takes nearly two million instructions to come to the same memory each time, and
 * so does a user's prelude. So it is done twice only, and the two compared: image.h. What is different in each interpreter
 * is known: where its surroundings are (ruby_attach), what its random generator begins with, what it has found methods by.
 * In anything else two must be alike, or they can't be copied.
 *
 * An image is not changed once it is made: any number of threads may open interpreters with it.
 */
#ifndef RUBEAM_RUBY_IMAGE_H
#define RUBEAM_RUBY_IMAGE_H

#include "atoms.h"
#include "heap.h"
#include "options.h"
#include "ruby.h"
#include "slice.h"
#include "status.h"

#include <stddef.h>

struct ruby_image;
struct ruby_frozen;

/* Why two can't be copied, for a person to read. */
#define RUBY_IMAGE_WHY 120

/* A copy of an interpreter's memory as it is now, between two jobs, to be compared with another one's. Collects garbage:
 * takes time in proportion to the memory in use. The caller ends it with ruby_frozen_close.
 * STATUS_UNSUPPORTED: there is something in it that depends on where it is; `why` says what. */
MUST_CHECK enum status ruby_freeze(struct ruby *ruby, struct ruby_frozen **frozen,
                                   char why[RUBY_IMAGE_WHY]);

/* NULL is fine. */
void ruby_frozen_close(struct ruby_frozen *frozen);

/* An image of two that were prepared alike. The caller ends it with ruby_image_close, after the last that uses it has
 * returned. STATUS_MALFORMED: they are not alike; `why` says where. */
MUST_CHECK enum status ruby_image_make(const struct ruby_frozen *one,
                                       const struct ruby_frozen *other, struct ruby_image **image,
                                       char why[RUBY_IMAGE_WHY]);

/* The image of what ruby_open opens, without a load path: opens two. Needs the watchdog started and the atoms of the
 * interpreters to be. Where this fails but for memory, it is an error of ours. */
MUST_CHECK enum status ruby_image_open(struct atoms *atoms, struct ruby_image **image);

/* NULL is fine. */
void ruby_image_close(struct ruby_image *image);

/* Bytes that an interpreter begins with. */
size_t ruby_image_bytes(const struct ruby_image *image);

/* Pointers among them. */
size_t ruby_image_pointers(const struct ruby_image *image);

/* A heap with the copy in it; as heap_open. */
MUST_CHECK enum status ruby_image_heap(const struct ruby_image *image, size_t limit,
                                       struct heap **heap);

/* What ruby_open is else, with slice->heap from ruby_image_heap. No code of Ruby's runs, so it needs no
 * coroutine; the load path of the options is not looked at (ruby_require_directories). Can't fail. */
void ruby_image_use(struct ruby_image *image, struct ruby *ruby, struct slice *slice,
                    const struct options *options, const struct ruby_host *host, void *context,
                    struct atoms *atoms);

#endif
