/* Interpreters that are copies: see ruby_image.h. */
#include "ruby_image.h"

#include "image.h"
#include "ruby_open.h"

#include <mruby/gc.h>
#include <mruby/istruct.h>
#include <mruby/variable.h>

#include <stdatomic.h>
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

/* One that was opened to be compared. */
struct opened {
  const struct options *options;
  struct atoms *atoms;
  struct heap *heap;
  struct slice slice;
  struct ruby ruby;
  void *seeds;
  enum status status;
  uint64_t *words; /* the heap's */
  size_t length;
};

#define SEED_BYTES ((size_t)16) /* of mruby's generator: four numbers */

/* --- making --- */

/* mruby-random keeps its generator in an instance variable of Random that code can't name. */
static void *seeds_of(mrb_state *mrb)
{
  mrb_value random = mrb_obj_value(mrb_class_get(mrb, "Random"));
  return mrb_istruct_ptr(mrb_iv_get(mrb, random, mrb_intern_lit(mrb, "mruby_Random")));
}

static void open_body(void *data)
{
  struct opened *opened = data;
  opened->status =
      ruby_open(&opened->ruby, &opened->slice, opened->options, NULL, NULL, opened->atoms);
  if (opened->status) return;
  opened->seeds = seeds_of(opened->ruby.mrb);
  mrb_full_gc(opened->ruby.mrb);
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
  free(opened->words);
}

/* Takes away what each has of its own, and copies the heap. */
static enum status take_words(struct opened *opened)
{
  mrb_state *mrb = opened->ruby.mrb;
  memset(opened->seeds, 0, SEED_BYTES);
  ruby_detach(&opened->ruby);
  mrb->ud = mrb->allocf_ud = NULL;
  heap_trim(opened->heap);
  opened->length = heap_extent(opened->heap);
  opened->words = malloc(opened->length);
  if (!opened->words) return STATUS_NO_MEMORY;
  heap_copy_out(opened->heap, opened->words);
  return STATUS_OK;
}

static struct specimen heap_specimen(const struct opened *opened)
{
  return (struct specimen){.words = opened->words,
                           .length = opened->length,
                           .place = (uintptr_t)opened->heap,
                           .place_length = opened->length};
}

static struct specimen ruby_specimen(const struct opened *opened)
{
  return (struct specimen){.words = (const uint64_t *)(const void *)&opened->ruby,
                           .length = sizeof opened->ruby,
                           .place = (uintptr_t)opened->heap,
                           .place_length = opened->length};
}

static enum status compare(struct opened two[2], struct ruby_image *image, size_t *odd)
{
  struct specimen heaps[2], rubies[2];
  size_t in_ruby;
  for (int i = 0; i < 2; i++) {
    enum status status = take_words(&two[i]);
    if (status) return status;
    heaps[i] = heap_specimen(&two[i]);
    rubies[i] = ruby_specimen(&two[i]);
  }
  enum status status = image_make(&heaps[0], &heaps[1], &image->heap, odd);
  if (!status) status = image_make(&rubies[0], &rubies[1], &image->ruby, &in_ruby);
  return status;
}

static uint64_t any_number(void)
{
  struct timespec now;
  (void)clock_gettime(CLOCK_REALTIME, &now);
  return (uint64_t)now.tv_sec * 1000000007 ^ (uint64_t)now.tv_nsec << 20;
}

static enum status make(struct opened two[2], struct ruby_image *image, size_t *odd)
{
  enum status status = open_one(&two[0]);
  if (!status) status = open_one(&two[1]);
  if (status) return status;
  const struct slice *slice = &two[0].slice;
  const char *heap = (const char *)two[0].heap;
  image->state = (size_t)((const char *)two[0].ruby.mrb - heap);
  image->timeout_class = (size_t)((const char *)slice->timeout_class - heap);
  image->interrupt_class = (size_t)((const char *)slice->interrupt_class - heap);
  image->seeds = (size_t)((const char *)two[0].seeds - heap);
  atomic_init(&image->seed, any_number());
  return compare(two, image, odd);
}

enum status ruby_image_open(struct atoms *atoms, struct ruby_image **out, size_t *odd)
{
  struct options options;
  options_default(&options);
  struct ruby_image *image = calloc(1, sizeof *image);
  struct opened *two = calloc(2, sizeof *two);
  enum status status = STATUS_NO_MEMORY;
  *odd = SIZE_MAX;
  if (image && two) {
    for (int i = 0; i < 2; i++) two[i].options = &options, two[i].atoms = atoms;
    status = make(two, image, odd);
    for (int i = 0; i < 2; i++) close_opened(&two[i]);
  }
  free(two);
  if (status) {
    ruby_image_close(image);
    return status;
  }
  *out = image;
  return STATUS_OK;
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
