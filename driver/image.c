/* Copies of memory with pointers into itself: see image.h. */
#include "image.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool points_into(const struct specimen *specimen, uint64_t word)
{
  return word - specimen->place <= specimen->place_length; /* the end, too */
}

static bool is_pointer(const struct specimen *one, const struct specimen *other, size_t at)
{
  uint64_t word = one->words[at], twin = other->words[at];
  return word - one->place == twin - other->place && points_into(one, word) &&
         points_into(other, twin);
}

/* How many differ, as pointers do; false: *odd differs in another way. */
static bool count_pointers(const struct specimen *one, const struct specimen *other, size_t *count,
                           size_t *odd)
{
  *count = 0;
  for (size_t at = 0; at < one->length / sizeof(uint64_t); at++) {
    if (one->words[at] == other->words[at]) continue;
    *odd = at;
    if (!is_pointer(one, other, at)) return false;
    ++*count;
  }
  return true;
}

enum status image_make(const struct specimen *one, const struct specimen *other,
                       struct image *image, size_t *odd)
{
  struct image made = {.length = one->length};
  *odd = SIZE_MAX;
  if (one->length != other->length || one->place_length != other->place_length ||
      !count_pointers(one, other, &made.count, odd))
    return STATUS_MALFORMED;
  made.words = malloc(made.length + 1);
  made.moved = malloc(made.count * sizeof *made.moved + 1);
  if (!made.words || !made.moved) {
    image_fini(&made);
    return STATUS_NO_MEMORY;
  }
  memcpy(made.words, one->words, made.length);
  uint32_t *next = made.moved;
  for (size_t at = 0; at < made.length / sizeof(uint64_t); at++) {
    if (one->words[at] == other->words[at]) continue;
    made.words[at] -= one->place;
    *next++ = (uint32_t)at;
  }
  *image = made;
  return STATUS_OK;
}

void image_fini(struct image *image)
{
  free(image->words);
  free(image->moved);
  *image = (struct image){0};
}

void image_move(const struct image *image, void *copied, uintptr_t place)
{
  uint64_t *words = copied;
  for (size_t i = 0; i < image->count; i++) words[image->moved[i]] += place;
}
