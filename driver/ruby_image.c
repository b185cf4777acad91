/* Interpreters that are copies: see ruby_image.h. */
#include "ruby_image.h"

#include "image.h"
#include "ruby_open.h"
#include "ruby_slots.h"

#include <mruby/gc.h>
#include <mruby/hash.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What an interpreter is opened in to be copied: more than it needs. */
#define SPECIMEN_BYTES ((size_t)4 << 20)

struct ruby_image {
  struct image heap, ruby;
  /* Where in the heap these are. */
  size_t state, timeout_class, interrupt_class, seeds;
  _Atomic uint64_t seed;
};

struct ruby_frozen {
  uint64_t *words; /* of the heap */
  size_t length;
  const char *heap; /* where it is; may be gone by now */
  size_t
      heap_reserved; /* what is left of a call that is over may point to what was freed beyond `length` */
  struct ruby ruby; /* without its surroundings */
  const struct RClass *timeout_class, *interrupt_class;
};

#define SEED_BYTES ((size_t)16) /* of mruby's generator: four numbers */

/* --- freezing --- */

static const char *const has_places =
    "a Hash or Set of more than 16 entries has keys that are no numbers, strings or symbols";

/* Other keys may be found by where they are in memory, which is elsewhere in a copy. (A small Hash is searched from its
 * beginning.) */
static int look_at_key(mrb_state *mrb, mrb_value key, mrb_value value, void *data)
{
  bool *depends = data;
  (void)mrb, (void)value;
  if (mrb_immediate_p(key) || mrb_string_p(key) || mrb_float_p(key) || mrb_integer_p(key)) return 0;
  *depends = true;
  return 1;
}

static int look_at_object(mrb_state *mrb, struct RBasic *object, void *data)
{
  const bool *depends = data;
  if (object->tt == MRB_TT_HASH && mrb_hash_size(mrb, mrb_obj_value(object)) > 16)
    mrb_hash_foreach(mrb, (struct RHash *)object, look_at_key, data);
  return *depends ? MRB_EACH_OBJ_BREAK : MRB_EACH_OBJ_OK;
}

/* Of what was copied, not of the interpreter itself: takes away what each has of its own. */
static void take_away(struct ruby_frozen *frozen, const struct ruby *ruby)
{
  char *copy = (char *)frozen->words;
  mrb_state *mrb = (mrb_state *)(void *)(copy + ((const char *)ruby->mrb - frozen->heap));
  mrb->ud = mrb->allocf_ud = NULL;
  memset(mrb->cache, 0, sizeof mrb->cache);
  ruby_slots_settle(ruby->mrb, frozen->heap, copy);
  memset(copy + ((const char *)ruby->seeds - frozen->heap), 0, SEED_BYTES);
  ruby_detach(&frozen->ruby);
}

enum status ruby_freeze(struct ruby *ruby, struct ruby_frozen **out, char why[RUBY_IMAGE_WHY])
{
  struct heap *heap = ruby->slice->heap;
  bool depends = false;
  mrb_objspace_each_objects(ruby->mrb, look_at_object, &depends); /* collects before it looks */
  if (depends) {
    (void)snprintf(why, RUBY_IMAGE_WHY, "%s", has_places);
    return STATUS_UNSUPPORTED;
  }
  heap_trim(heap);
  struct ruby_frozen *frozen = malloc(sizeof *frozen);
  if (!frozen) return STATUS_NO_MEMORY;
  *frozen = (struct ruby_frozen){.length = heap_extent(heap),
                                 .heap = (const char *)heap,
                                 .heap_reserved = heap_reserved(heap),
                                 .ruby = *ruby,
                                 .timeout_class = ruby->slice->timeout_class,
                                 .interrupt_class = ruby->slice->interrupt_class};
  frozen->words = malloc(frozen->length);
  if (!frozen->words) {
    ruby_frozen_close(frozen);
    return STATUS_NO_MEMORY;
  }
  heap_copy_out(heap, frozen->words);
  take_away(frozen, ruby);
  *out = frozen;
  return STATUS_OK;
}

void ruby_frozen_close(struct ruby_frozen *frozen)
{
  if (!frozen) return;
  free(frozen->words);
  free(frozen);
}

/* --- comparing --- */

static struct specimen heap_specimen(const struct ruby_frozen *frozen)
{
  return (struct specimen){.words = frozen->words,
                           .length = frozen->length,
                           .place = (uintptr_t)frozen->heap,
                           .place_length = frozen->heap_reserved};
}

static struct specimen ruby_specimen(const struct ruby_frozen *frozen)
{
  return (struct specimen){.words = (const uint64_t *)(const void *)&frozen->ruby,
                           .length = sizeof frozen->ruby,
                           .place = (uintptr_t)frozen->heap,
                           .place_length = frozen->heap_reserved};
}

static enum status compare(const struct ruby_frozen *one, const struct ruby_frozen *other,
                           struct ruby_image *image, char why[RUBY_IMAGE_WHY])
{
  struct specimen a = heap_specimen(one), b = heap_specimen(other);
  size_t odd;
  enum status status = image_make(&a, &b, &image->heap, &odd);
  const char *part = "the memory";
  if (!status) {
    a = ruby_specimen(one), b = ruby_specimen(other);
    status = image_make(&a, &b, &image->ruby, &odd);
    part = "the state";
  }
  if (status == STATUS_MALFORMED && odd == SIZE_MAX)
    (void)snprintf(why, RUBY_IMAGE_WHY,
                   "it does not come out alike twice: there are %zu bytes of memory, and %zu",
                   one->length, other->length);
  else if (status == STATUS_MALFORMED)
    (void)snprintf(why, RUBY_IMAGE_WHY,
                   "it does not come out alike twice: %s differs at byte %zu of %zu", part, odd * 8,
                   a.length);
  return status;
}

static uint64_t any_number(void)
{
  struct timespec now;
  (void)clock_gettime(CLOCK_REALTIME, &now);
  return (uint64_t)now.tv_sec * 1000000007 ^ (uint64_t)now.tv_nsec << 20;
}

static size_t place_in(const struct ruby_frozen *frozen, const void *address)
{
  return (size_t)((const char *)address - frozen->heap);
}

enum status ruby_image_make(const struct ruby_frozen *one, const struct ruby_frozen *other,
                            struct ruby_image **out, char why[RUBY_IMAGE_WHY])
{
  struct ruby_image *image = calloc(1, sizeof *image);
  if (!image) return STATUS_NO_MEMORY;
  image->state = place_in(one, one->ruby.mrb);
  image->timeout_class = place_in(one, one->timeout_class);
  image->interrupt_class = place_in(one, one->interrupt_class);
  image->seeds = place_in(one, one->ruby.seeds);
  atomic_init(&image->seed, any_number());
  enum status status = compare(one, other, image, why);
  if (status) {
    ruby_image_close(image);
    return status;
  }
  *out = image;
  return STATUS_OK;
}

/* --- the one that is there without a user's doing --- */

/* What such an interpreter is opened in: more than it needs. */
#define SPECIMEN_BYTES ((size_t)4 << 20)

struct opened {
  struct options options;
  struct atoms *atoms;
  struct heap *heap;
  struct slice slice;
  struct ruby ruby;
  enum status status;
};

static void open_body(void *data)
{
  struct opened *opened = data;
  opened->status =
      ruby_open(&opened->ruby, &opened->slice, &opened->options, NULL, NULL, opened->atoms);
}

/* What is left behind is freed by close_opened, whatever came of it. */
static enum status open_one(struct opened *opened)
{
  enum status status = heap_open(SPECIMEN_BYTES, &opened->heap);
  if (status) return status;
  slice_init(&opened->slice, opened->heap, SPECIMEN_BYTES, 1000000, 1, NULL);
  status = slice_start(&opened->slice, open_body, opened);
  if (status) return status;
  opened->status = STATUS_NO_MEMORY;
  if (slice_run_unwatched(&opened->slice) != SLICE_RETURNED) return STATUS_NO_MEMORY;
  return opened->status;
}

static void close_opened(struct opened *opened)
{
  slice_fini(&opened->slice);
  ruby_close(&opened->ruby);
  heap_close(opened->heap);
}

/* Both are open at the same time, so they are in different places. */
static enum status freeze_two(struct opened *opened, struct ruby_frozen *frozen[2], int count,
                              char why[RUBY_IMAGE_WHY])
{
  enum status status = open_one(&opened[count - 1]);
  if (!status && count > 1) status = freeze_two(opened, frozen, count - 1, why);
  if (!status) status = ruby_freeze(&opened[count - 1].ruby, &frozen[count - 1], why);
  return status;
}

enum status ruby_image_open(struct atoms *atoms, struct ruby_image **out)
{
  char why[RUBY_IMAGE_WHY];
  struct opened *opened = calloc(2, sizeof *opened);
  struct ruby_frozen *frozen[2] = {NULL, NULL};
  if (!opened) return STATUS_NO_MEMORY;
  for (int i = 0; i < 2; i++) {
    options_default(&opened[i].options);
    opened[i].atoms = atoms;
  }
  enum status status = freeze_two(opened, frozen, 2, why);
  if (!status) status = ruby_image_make(frozen[0], frozen[1], out, why);
  for (int i = 0; i < 2; i++) {
    ruby_frozen_close(frozen[i]);
    close_opened(&opened[i]);
  }
  free(opened);
  return status;
}

void ruby_image_close(struct ruby_image *image)
{
  if (!image) return;
  image_fini(&image->heap);
  image_fini(&image->ruby);
  free(image);
}

size_t ruby_image_bytes(const struct ruby_image *image) { return image->heap.length; }

size_t ruby_image_pointers(const struct ruby_image *image) { return image->heap.count; }

/* --- using --- */

/* splitmix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014. The generators of two
 * interpreters begin far from each other. (None of it is meant to be a secret.) */
static uint64_t next_seed(struct ruby_image *image)
{
  uint64_t seed =
      atomic_fetch_add_explicit(&image->seed, 0x9e3779b97f4a7c15u, memory_order_relaxed);
  seed = (seed ^ seed >> 30) * 0xbf58476d1ce4e5b9u;
  seed = (seed ^ seed >> 27) * 0x94d049bb133111ebu;
  return seed ^ seed >> 31;
}

enum status ruby_image_heap(const struct ruby_image *image, size_t limit, struct heap **out)
{
  struct heap *heap;
  enum status status = heap_open_copy(limit, image->heap.words, image->heap.length, &heap);
  if (status) return status;
  image_move(&image->heap, heap, (uintptr_t)heap);
  *out = heap;
  return STATUS_OK;
}

void ruby_image_use(struct ruby_image *image, struct ruby *ruby, struct slice *slice,
                    const struct options *options, const struct ruby_host *host, void *context,
                    struct atoms *atoms)
{
  char *heap = (char *)slice->heap;
  memcpy(ruby, image->ruby.words, sizeof *ruby);
  image_move(&image->ruby, ruby, (uintptr_t)heap);
  ruby_attach(ruby, slice, options, host, context, atoms);
  mrb_state *mrb = ruby->mrb;
  mrb->ud = ruby;
  mrb->allocf_ud = slice;
  uint64_t seeds[] = {next_seed(image), next_seed(image)};
  memcpy(heap + image->seeds, seeds, SEED_BYTES);
  slice_attach(slice, mrb, (struct RClass *)(void *)(heap + image->timeout_class),
               (struct RClass *)(void *)(heap + image->interrupt_class));
}
