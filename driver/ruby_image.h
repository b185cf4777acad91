/* Opening an interpreter by copying one that was opened before.
 *
 * mruby's start, with all that we define, runs tens of thousands of allocations to come to the same memory each
 * time. So it is done twice only, and the two compared: image.h. What is different in each interpreter is known:
 * where its surroundings are (ruby_attach), what its random generator begins with.
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

/* Opens two interpreters and makes an image of them, without a load path. Takes some milliseconds. Needs the watchdog
 * started and the atoms of the interpreters to be. The caller ends it with ruby_image_close, after the last that
 * uses it has returned.
 * STATUS_MALFORMED: the two differ, in word *odd of the heap (or SIZE_MAX): no interpreter can be copied. That would be
 * an error of ours. */
MUST_CHECK enum status ruby_image_open(struct atoms *atoms, struct ruby_image **image, size_t *odd);

/* NULL is fine. */
void ruby_image_close(struct ruby_image *image);

/* Bytes that an interpreter begins with, and pointers among them. */
size_t ruby_image_bytes(const struct ruby_image *image);
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
