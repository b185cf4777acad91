/* Tests of driver/heap.c, and of mruby living in a heap. */
#include "heap.h"

#include "region.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <mruby.h>
#include <mruby/compile.h>
#include <mruby/string.h>

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define POISONS 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define POISONS 1
#endif
#ifdef POISONS
#include <sanitizer/asan_interface.h>
#endif

#define KB ((size_t)1 << 10)
#define MB ((size_t)1 << 20)

/* In memory that no other heap has left behind. */
static struct heap *open_heap(size_t limit)
{
  struct heap *heap = NULL;
  region_trim(0);
  assert_int_equal(heap_open(limit, &heap), STATUS_OK);
  return heap;
}

static void *must_resize(struct heap *heap, void *block, size_t bytes)
{
  void *fresh = heap_resize(heap, block, bytes);
  assert_non_null(fresh);
  assert_int_equal((uintptr_t)fresh % HEAP_ALIGNMENT, 0);
  assert_true(heap_holds(heap, fresh));
  assert_true(heap_holds(heap, (char *)fresh + bytes - 1));
  return fresh;
}

static void must_free(struct heap *heap, void *block) { assert_null(heap_resize(heap, block, 0)); }

/* What a block of so many bytes counts, header and rounding included. */
static size_t cost(size_t bytes) { return (bytes + 8 + 15) / 16 * 16; }

/* Bytes of the region that are in memory. */
static size_t resident(struct heap *heap, size_t bytes)
{
  size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = bytes / page, count = 0;
  unsigned char *seen = malloc(pages);
  assert_non_null(seen);
  assert_int_equal(mincore(heap, pages * page, seen), 0);
  for (size_t i = 0; i < pages; i++) count += seen[i] & 1u;
  free(seen);
  return count * page;
}

static uint32_t next_random(uint32_t *state)
{
  *state ^= *state << 13;
  *state ^= *state >> 17;
  *state ^= *state << 5;
  return *state;
}

/* Runs a function in a process of its own, silently, and gives what waitpid says. */
static int in_a_child(int (*run)(void))
{
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    if (freopen("/dev/null", "w", stderr) == NULL) _exit(100);
    _exit(run());
  }
  int result = 0;
  assert_int_equal(waitpid(child, &result, 0), child);
  return result;
}

/* ---- the region ---- */

static void an_open_heap_is_empty_and_has_touched_one_page(void **state)
{
  (void)state;
  struct heap *heap = open_heap(64 * MB);
  assert_int_equal(heap_used(heap), 0);
  assert_int_equal(heap_peak(heap), 0);
  assert_int_equal(heap_limit(heap), 64 * MB);
  assert_true(heap_extent(heap) <= 2048);
  assert_true(heap_check(heap));
  assert_int_equal(resident(heap, 256 * MB), sysconf(_SC_PAGESIZE));
  heap_close(heap);
}

static void a_limit_that_is_too_high_is_refused(void **state)
{
  (void)state;
  struct heap *heap = NULL;
  assert_int_equal(heap_open(HEAP_LIMIT_MOST + 1, &heap), STATUS_TOO_LARGE);
  assert_int_equal(heap_open(SIZE_MAX, &heap), STATUS_TOO_LARGE);
  assert_int_equal(heap_open(SIZE_MAX / 2 + 1, &heap), STATUS_TOO_LARGE);
  assert_null(heap);
}

static void the_highest_limit_can_be_opened(void **state)
{
  (void)state;
  struct heap *heap = open_heap(HEAP_LIMIT_MOST);
  assert_int_equal(heap_limit(heap), HEAP_LIMIT_MOST);
  void *most = must_resize(heap, NULL, HEAP_LIMIT_MOST - 8);
  assert_null(heap_resize(heap, NULL, 1));
  assert_true(heap_check(heap));
  must_free(heap, most);
  heap_close(heap);
}

static int open_without_address_space(void)
{
  unsigned long pages = 0;
  region_trim(0);
  FILE *sizes = fopen("/proc/self/statm", "r");
  if (sizes == NULL || fscanf(sizes, "%lu", &pages) != 1) return 2;
  struct rlimit most = {pages * (size_t)sysconf(_SC_PAGESIZE) + 256 * MB, RLIM_INFINITY};
  if (setrlimit(RLIMIT_AS, &most) != 0) return 3;
  struct heap *heap = NULL;
  return heap_open(HEAP_LIMIT_MOST, &heap) == STATUS_NO_MEMORY && heap == NULL ? 0 : 1;
}

static void a_mapping_that_fails_is_no_memory(void **state)
{
  (void)state;
  assert_int_equal(in_a_child(open_without_address_space), 0);
}

static void closing_no_heap_does_nothing(void **state)
{
  (void)state;
  heap_close(NULL);
}

static void a_heap_holds_its_blocks_and_nothing_else(void **state)
{
  (void)state;
  struct heap *heap = open_heap(MB), *other = open_heap(MB);
  char *block = must_resize(heap, NULL, 100);
  assert_true(heap_holds(heap, heap));
  assert_true(heap_holds(heap, (char *)heap + heap_extent(heap) - 1));
  assert_false(heap_holds(heap, (char *)heap + heap_extent(heap)));
  assert_false(heap_holds(heap, (char *)heap - 1));
  assert_false(heap_holds(heap, NULL));
  assert_false(heap_holds(heap, &block));
  assert_false(heap_holds(other, block));
  heap_close(other);
  heap_close(heap);
}

/* ---- allocating ---- */

static void zero_bytes_free_and_give_null(void **state)
{
  (void)state;
  struct heap *heap = open_heap(MB);
  assert_null(heap_resize(heap, NULL, 0));
  assert_int_equal(heap_used(heap), 0);
  void *block = must_resize(heap, NULL, 100);
  assert_int_equal(heap_used(heap), cost(100));
  assert_null(heap_resize(heap, block, 0));
  assert_int_equal(heap_used(heap), 0);
  assert_true(heap_check(heap));
  heap_close(heap);
}

static void huge_sizes_are_refused_and_change_nothing(void **state)
{
  (void)state;
  static const size_t sizes[] = {
      SIZE_MAX,        SIZE_MAX - 7,        SIZE_MAX - 8,     SIZE_MAX - 15, SIZE_MAX - 16,
      SIZE_MAX - 24,   SIZE_MAX / 2,        SIZE_MAX / 2 + 1, SIZE_MAX / 16, (size_t)1 << 36,
      (size_t)1 << 35, HEAP_LIMIT_MOST + 1, HEAP_LIMIT_MOST,  2 * MB,        MB - 7};
  struct heap *heap = open_heap(MB);
  char *block = must_resize(heap, NULL, 10);
  memcpy(block, "some text", 10);
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    assert_null(heap_resize(heap, NULL, sizes[i]));
    assert_null(heap_resize(heap, block, sizes[i]));
    assert_string_equal(block, "some text");
    assert_int_equal(heap_used(heap), cost(10));
    assert_true(heap_check(heap));
  }
  heap_close(heap);
}

static void the_limit_counts_headers_and_rounding(void **state)
{
  (void)state;
  for (size_t bytes = 1; bytes < 200; bytes++) {
    struct heap *heap = open_heap(cost(bytes));
    void *block = must_resize(heap, NULL, bytes);
    assert_int_equal(heap_used(heap), heap_limit(heap));
    assert_null(heap_resize(heap, NULL, 1));
    assert_null(heap_resize(heap, block, cost(bytes) - 8 + 1));
    assert_ptr_equal(heap_resize(heap, block, cost(bytes) - 8), block);
    heap_close(heap);
  }
  struct heap *heap = open_heap(15);
  assert_int_equal(heap_limit(heap), 0);
  assert_null(heap_resize(heap, NULL, 1));
  heap_close(heap);
}

static void the_limit_can_be_met_at_every_allocation(void **state)
{
  (void)state;
  enum { MOST = 40 };
  for (size_t n = 0; n < MOST; n++) {
    size_t limit = 0;
    for (size_t i = 0; i < n; i++) limit += cost(i * i + 1);
    struct heap *heap = open_heap(limit);
    void *blocks[MOST];
    for (size_t i = 0; i < n; i++) blocks[i] = must_resize(heap, NULL, i * i + 1);
    assert_null(heap_resize(heap, NULL, n * n + 1));
    assert_true(heap_check(heap));
    if (n > 0) {
      must_free(heap, blocks[n / 2]);
      (void)must_resize(heap, NULL, n / 2 * (n / 2) + 1);
    }
    heap_close(heap);
  }
}

static void a_block_grows_and_shrinks_in_place_before_untried_ground(void **state)
{
  (void)state;
  struct heap *heap = open_heap(16 * MB);
  char *block = must_resize(heap, NULL, 10);
  size_t extent = heap_extent(heap);
  memcpy(block, "some text", 10);
  for (size_t bytes = 11; bytes < 8 * MB; bytes = bytes * 3 / 2)
    assert_ptr_equal(must_resize(heap, block, bytes), block);
  assert_ptr_equal(must_resize(heap, block, 10), block);
  assert_string_equal(block, "some text");
  assert_int_equal(heap_extent(heap), extent);
  assert_int_equal(heap_used(heap), cost(10));
  assert_true(heap_check(heap));
  heap_close(heap);
}

static void a_block_grows_in_place_into_a_free_one(void **state)
{
  (void)state;
  struct heap *heap = open_heap(MB);
  char *first = must_resize(heap, NULL, 100);
  char *second = must_resize(heap, NULL, 1000);
  char *third = must_resize(heap, NULL, 100);
  memcpy(first, "some text", 10);
  must_free(heap, second);
  assert_ptr_equal(must_resize(heap, first, 500), first);
  assert_true(heap_check(heap));
  size_t both = cost(100) + cost(1000);
  assert_ptr_equal(must_resize(heap, first, both - 8), first);
  assert_true(heap_check(heap));
  assert_int_equal(heap_used(heap), both + cost(100));
  char *moved = must_resize(heap, first, both);
  assert_ptr_not_equal(moved, first);
  assert_string_equal(moved, "some text");
  must_free(heap, third);
  assert_int_equal(heap_used(heap), cost(both));
  assert_true(heap_check(heap));
  heap_close(heap);
}

static void a_block_that_cannot_move_within_the_limit_stays(void **state)
{
  (void)state;
  struct heap *heap = open_heap(cost(1000) + cost(1) + cost(1000));
  char *block = must_resize(heap, NULL, 1000);
  void *wall = must_resize(heap, NULL, 1);
  memset(block, 7, 1000);
  assert_null(heap_resize(heap, block, 1100)); /* together above the limit */
  for (size_t i = 0; i < 1000; i++) assert_int_equal(block[i], 7);
  assert_true(heap_check(heap));
  must_free(heap, wall);
  assert_ptr_equal(must_resize(heap, block, 1100), block);
  heap_close(heap);
}

static void a_block_of_the_same_size_is_used_again(void **state)
{
  (void)state;
  struct heap *heap = open_heap(16 * MB);
  for (size_t bytes = 1; bytes < MB; bytes = bytes * 5 / 4 + 1) {
    void *block = must_resize(heap, NULL, bytes);
    void *wall = must_resize(heap, NULL, 1);
    size_t extent = heap_extent(heap);
    for (int i = 0; i < 3; i++) {
      must_free(heap, block);
      assert_ptr_equal(must_resize(heap, NULL, bytes), block);
    }
    assert_int_equal(heap_extent(heap), extent);
    must_free(heap, wall);
    must_free(heap, block);
  }
  heap_close(heap);
}

static void a_block_grows_in_place_into_one_that_rests(void **state)
{
  (void)state;
  struct heap *heap = open_heap(MB);
  for (size_t bytes = 1; bytes < 30000; bytes = bytes * 3 / 2 + 1) {
    char *first = must_resize(heap, NULL, 100);
    void *blocks[12], *wall;
    for (size_t i = 0; i < 12; i++) blocks[i] = must_resize(heap, NULL, bytes);
    wall = must_resize(heap, NULL, 1);
    /* The neighbour is the first, one amid, the last to rest; or one for which there was no room. */
    for (size_t i = 0; i < 12; i++) must_free(heap, blocks[(i * 5 + bytes) % 12]);
    assert_ptr_equal(must_resize(heap, first, cost(100) + cost(bytes) - 8), first);
    assert_true(heap_check(heap));
    must_free(heap, first);
    must_free(heap, wall);
    assert_int_equal(heap_used(heap), 0);
  }
  heap_close(heap);
}

static void a_trimmed_heap_has_nothing_that_rests(void **state)
{
  (void)state;
  struct heap *heap = open_heap(16 * MB);
  void *first = must_resize(heap, NULL, 1), *blocks[100];
  size_t extent = heap_extent(heap);
  for (size_t i = 0; i < 100; i++) blocks[i] = must_resize(heap, NULL, 10 + 300 * i);
  for (size_t i = 0; i < 100; i++) must_free(heap, blocks[i]);
  heap_trim(heap);
  assert_int_equal(heap_extent(heap), extent);
  must_free(heap, first);
  heap_close(heap);
}

#ifndef POISONS
/* A block that rests is marked in its contents: what a user has written there must not pass for it. */
static void contents_like_those_of_a_resting_block_do_no_harm(void **state)
{
  (void)state;
  struct heap *heap = open_heap(MB);
  unsigned char mark[24];
  void *wall = must_resize(heap, NULL, 24), *block = must_resize(heap, NULL, 24);
  must_free(heap, block);
  memcpy(mark, block, sizeof mark);
  for (int i = 0; i < 20; i++) {
    assert_ptr_equal(must_resize(heap, NULL, 24), block);
    memcpy(block, mark, sizeof mark);
    assert_true(heap_check(heap));
    if (i % 2) assert_ptr_equal(must_resize(heap, block, 20), block);
    must_free(heap, block);
    assert_true(heap_check(heap));
    assert_int_equal(heap_used(heap), cost(24));
  }
  must_free(heap, wall);
  heap_close(heap);
}
#endif

static void freed_in_any_order_all_becomes_untried_ground(void **state)
{
  (void)state;
  enum { COUNT = 300 };
  for (uint32_t seed = 1; seed <= 20; seed++) {
    struct heap *heap = open_heap(64 * MB);
    size_t empty = heap_extent(heap);
    void *blocks[COUNT];
    uint32_t random = seed * 2654435761u;
    for (size_t i = 0; i < COUNT; i++)
      blocks[i] = must_resize(heap, NULL, 1 + next_random(&random) % (i % 10 == 0 ? 100000 : 300));
    for (size_t i = COUNT; i > 0; i--) {
      size_t chosen = next_random(&random) % i;
      must_free(heap, blocks[chosen]);
      blocks[chosen] = blocks[i - 1];
      assert_true(heap_check(heap));
    }
    assert_int_equal(heap_used(heap), 0);
    assert_int_equal(heap_extent(heap), empty);
    heap_close(heap);
  }
}

static void the_peak_is_the_most_that_was_ever_used(void **state)
{
  (void)state;
  struct heap *heap = open_heap(MB);
  void *first = must_resize(heap, NULL, 1000);
  void *second = must_resize(heap, NULL, 2000);
  assert_int_equal(heap_peak(heap), cost(1000) + cost(2000));
  must_free(heap, first);
  assert_int_equal(heap_peak(heap), cost(1000) + cost(2000));
  second = must_resize(heap, second, 5000);
  assert_int_equal(heap_used(heap), cost(5000));
  assert_int_equal(heap_peak(heap), cost(5000));
  assert_null(heap_resize(heap, second, 2 * MB));
  must_free(heap, second);
  (void)must_resize(heap, NULL, 100);
  assert_int_equal(heap_peak(heap), cost(5000));
  heap_close(heap);
}

static void a_limit_can_be_lowered_below_what_is_used(void **state)
{
  (void)state;
  struct heap *heap = open_heap(MB);
  void *block = must_resize(heap, NULL, 1000);
  void *other = must_resize(heap, NULL, 1000);
  assert_int_equal(heap_set_limit(heap, cost(1000)), STATUS_OK);
  assert_int_equal(heap_limit(heap), cost(1000));
  assert_null(heap_resize(heap, NULL, 1));
  assert_null(heap_resize(heap, other, 1100));
  assert_ptr_equal(must_resize(heap, other, 900), other);
  must_free(heap, other);
  assert_null(heap_resize(heap, NULL, 1));
  must_free(heap, block);
  (void)must_resize(heap, NULL, 1000);
  assert_int_equal(heap_set_limit(heap, MB + HEAP_ALIGNMENT), STATUS_TOO_LARGE);
  assert_int_equal(heap_set_limit(heap, SIZE_MAX), STATUS_TOO_LARGE);
  assert_int_equal(heap_limit(heap), cost(1000));
  assert_int_equal(heap_set_limit(heap, MB), STATUS_OK);
  (void)must_resize(heap, NULL, MB / 2);
  assert_true(heap_check(heap));
  heap_close(heap);
}

/* Robson's way to make holes, 1971: in turn i, blocks of 2^i units, of which those stay that cover
 * a multiple of 2^(i + 1) units, so that nothing of that size fits between them.
 */
static void a_region_that_is_full_of_holes_refuses_and_recovers(void **state)
{
  (void)state;
  enum { LIMIT = 4 * 1024 * 1024, MOST = LIMIT / 16 };
  static char *blocks[MOST];
  struct heap *heap = open_heap(LIMIT);
  size_t empty = heap_extent(heap), count = 0, size = 16;
  for (bool full = false; !full; size *= 2) {
    assert_true(size < LIMIT / 4);
    while (!full && heap_used(heap) + size <= LIMIT) {
      blocks[count] = heap_resize(heap, NULL, size - 8);
      full = blocks[count] == NULL;
      if (!full) count++;
    }
    if (full) break;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
      size_t start = (size_t)(blocks[i] - (char *)heap);
      if (start % (2 * size) == 0 || start % (2 * size) + size > 2 * size)
        blocks[kept++] = blocks[i];
      else
        must_free(heap, blocks[i]);
    }
    count = kept;
  }
  /* Within the limit, but nowhere to be had: neither as a new block nor for the last one. */
  assert_true(heap_used(heap) + size <= LIMIT);
  assert_true(heap_check(heap));
  size_t last = 0;
  for (size_t i = 0; i < count; i++) {
    if (blocks[i] > blocks[last]) last = i;
  }
  assert_null(heap_resize(heap, blocks[last], 2 * size));
  assert_true(heap_check(heap));
  /* Nothing rested that could have served. */
  heap_trim(heap);
  assert_null(heap_resize(heap, NULL, size - 8));
  must_free(heap, blocks[1]);
  blocks[1] = must_resize(heap, NULL, size - 8);
  assert_true(heap_check(heap));
  for (size_t i = 0; i < count; i++) must_free(heap, blocks[i]);
  assert_int_equal(heap_extent(heap), empty);
  (void)must_resize(heap, NULL, LIMIT - 8);
  heap_close(heap);
}

/* ---- random histories against a model ---- */

enum { SLOTS = 200 };

struct model {
  unsigned char *block;
  size_t bytes;
  unsigned char filling;
};

static void fill(struct model *slot, uint32_t random)
{
  slot->filling = (unsigned char)(random >> 24);
  memset(slot->block, slot->filling, slot->bytes);
}

/* A write into another block, or a header, would show here or in heap_check. */
static void must_be_filled(const struct model *slot, size_t bytes)
{
  for (size_t i = 0; i < bytes; i++) {
    if (slot->block[i] != slot->filling) fail_msg("byte %zu of %zu has changed", i, slot->bytes);
  }
}

static size_t random_size(uint32_t *random)
{
  static const uint32_t most[] = {16, 16, 100, 100, 100, 1000, 1000, 20000, 300000, 2000000};
  return 1 + next_random(random) % most[next_random(random) % (sizeof most / sizeof *most)];
}

static void play(struct heap *heap, uint32_t seed, size_t steps, size_t check_every)
{
  static struct model slots[SLOTS];
  uint32_t random = seed;
  size_t used = 0, refused = 0;
  memset(slots, 0, sizeof slots);
  for (size_t step = 0; step < steps; step++) {
    struct model *slot = &slots[next_random(&random) % SLOTS];
    size_t bytes = next_random(&random) % 3 == 0 ? 0 : random_size(&random);
    if (step % 5000 == 4999) heap_trim(heap);
    if (slot->block == NULL && bytes == 0) continue;
    unsigned char *block = heap_resize(heap, slot->block, bytes);
    if (bytes == 0) {
      assert_null(block);
      used -= cost(slot->bytes);
      *slot = (struct model){0};
    } else if (block == NULL) {
      assert_true(used + cost(bytes) > heap_limit(heap));
      must_be_filled(slot, slot->bytes);
      refused++;
    } else {
      assert_int_equal((uintptr_t)block % HEAP_ALIGNMENT, 0);
      if (slot->block != NULL) used -= cost(slot->bytes);
      used += cost(bytes);
      slot->block = block;
      must_be_filled(slot, slot->bytes < bytes ? slot->bytes : bytes);
      slot->bytes = bytes;
      fill(slot, next_random(&random));
    }
    assert_int_equal(heap_used(heap), used);
    if (step % check_every == 0) assert_true(heap_check(heap));
  }
  assert_true(refused > 0);
  for (size_t i = 0; i < SLOTS; i++) {
    must_be_filled(&slots[i], slots[i].bytes);
    must_free(heap, slots[i].block);
  }
  assert_true(heap_check(heap));
}

static void random_histories_keep_contents_and_invariants(void **state)
{
  (void)state;
  struct heap *heap = open_heap(8 * MB);
  size_t empty = heap_extent(heap);
  for (uint32_t seed = 1; seed <= 5; seed++) {
    play(heap, seed * 77777, 2000, 1);
    assert_int_equal(heap_extent(heap), empty);
  }
  play(heap, 4242, 30000, 500);
  assert_int_equal(heap_used(heap), 0);
  assert_int_equal(heap_extent(heap), empty);
  heap_close(heap);
}

static void many_small_blocks_waste_little_room(void **state)
{
  (void)state;
  enum { COUNT = 4000 };
  static void *blocks[COUNT];
  struct heap *heap = open_heap(64 * MB);
  uint32_t random = 99;
  memset(blocks, 0, sizeof blocks);
  for (size_t step = 0; step < 200000; step++) {
    size_t i = next_random(&random) % COUNT;
    must_free(heap, blocks[i]);
    blocks[i] = must_resize(heap, NULL, 1 + next_random(&random) % 500);
  }
  assert_true(heap_extent(heap) < heap_peak(heap) + heap_peak(heap) / 3);
  heap_close(heap);
}

/* ---- the next one in the same place ---- */

static void a_heap_has_nothing_of_the_one_before_it(void **state)
{
  (void)state;
  struct heap *heap = open_heap(64 * MB);
  const void *place = heap;
  for (size_t kind = 0; kind < 2; kind++) {
    memset(must_resize(heap, NULL, 3 * MB), 0xa5, 3 * MB);
    memset(must_resize(heap, NULL, 500), 0xa5, 500);
    void *copy = NULL;
    size_t length = 0;
    if (kind == 1) {
      struct heap *other = open_heap(MB); /* takes the place of none: its region has another size */
      memset(must_resize(other, NULL, 100), 1, 100);
      length = heap_extent(other);
      copy = malloc(length);
      heap_copy_out(other, copy);
      heap_close(other);
    }
    heap_close(heap);
    if (kind == 0)
      assert_int_equal(heap_open(64 * MB, &heap), STATUS_OK);
    else
      assert_int_equal(heap_open_copy(64 * MB, copy, length, &heap), STATUS_OK);
    free(copy);
    assert_ptr_equal(heap, place);
    assert_true(heap_check(heap));
    assert_true(resident(heap, 256 * MB) <= REGION_KEPT);
    const unsigned char *block = must_resize(heap, NULL, 2 * MB);
    for (size_t i = 0; i < 2 * MB; i++) assert_int_equal(block[i], 0);
  }
  heap_close(heap);
}

/* ---- copies ---- */

struct copied {
  void *bytes;
  size_t length;
};

static struct copied copy_of(struct heap *heap)
{
  heap_trim(heap);
  struct copied copied = {malloc(heap_extent(heap)), heap_extent(heap)};
  heap_copy_out(heap, copied.bytes);
  return copied;
}

static void a_copy_has_the_same_blocks(void **state)
{
  enum { COUNT = 200 };
  (void)state;
  uint32_t random = 42;
  struct heap *heap = open_heap(8 * MB), *twin;
  unsigned char *blocks[COUNT];
  size_t sizes[COUNT];
  for (size_t i = 0; i < COUNT; i++) {
    sizes[i] = 1 + next_random(&random) % (i % 10 == 0 ? 100000 : 300);
    blocks[i] = memset(must_resize(heap, NULL, sizes[i]), (int)i, sizes[i]);
  }
  for (size_t i = 1; i < COUNT; i += 3) must_free(heap, blocks[i]);
  struct copied copied = copy_of(heap);
  /* Another limit; and what is above it is no concern of the copy. */
  assert_int_equal(heap_open_copy(64 * MB, copied.bytes, copied.length, &twin), STATUS_OK);
  assert_true(heap_check(twin));
  assert_int_equal(heap_used(twin), heap_used(heap));
  assert_int_equal(heap_peak(twin), heap_used(heap));
  assert_int_equal(heap_extent(twin), heap_extent(heap));
  assert_int_equal(heap_limit(twin), 64 * MB);
  for (size_t i = 0; i < COUNT; i++) {
    if (i % 3 == 1) continue;
    unsigned char *block = (unsigned char *)twin + (blocks[i] - (unsigned char *)heap);
    assert_int_equal(heap_block_bytes(twin, block), heap_block_bytes(heap, blocks[i]));
    for (size_t at = 0; at < sizes[i]; at++) assert_int_equal(block[at], (unsigned char)i);
    must_free(twin, block);
    assert_true(heap_check(twin));
  }
  assert_int_equal(heap_used(twin), 0);
  memset(must_resize(twin, NULL, 32 * MB), 1, 32 * MB);
  heap_close(twin);
  assert_int_equal(blocks[0][0], 0); /* of the first one nothing has changed */
  must_free(heap, blocks[0]);
  assert_true(heap_check(heap));
  heap_close(heap);
  free(copied.bytes);
}

/* Two that were filled alike give the same bytes, whatever was where nothing is now. */
static void what_is_free_is_zeros_in_a_copy(void **state)
{
  (void)state;
  struct copied copied[2];
  for (int i = 0; i < 2; i++) {
    struct heap *heap = open_heap(8 * MB);
    for (int n = 0; n < 3; n++) {
      size_t bytes = n == 0 ? 24 : n == 1 ? 5000 : 200 * KB;
      void *block = memset(must_resize(heap, NULL, bytes), i + 1, bytes);
      memset(must_resize(heap, NULL, 100), 7, 100);
      must_free(heap, block);
    }
    copied[i] = copy_of(heap);
    heap_close(heap);
  }
  assert_int_equal(copied[0].length, copied[1].length);
  assert_memory_equal(copied[0].bytes, copied[1].bytes, copied[0].length);
  for (int i = 0; i < 2; i++) free(copied[i].bytes);
}

static void a_copy_needs_room(void **state)
{
  (void)state;
  struct heap *heap = open_heap(8 * MB), *twin = NULL;
  (void)must_resize(heap, NULL, MB);
  struct copied copied = copy_of(heap);
  size_t used = heap_used(heap);
  assert_int_equal(heap_open_copy(used - 16, copied.bytes, copied.length, &twin), STATUS_NO_MEMORY);
  assert_int_equal(heap_open_copy(0, copied.bytes, copied.length, &twin), STATUS_NO_MEMORY);
  assert_int_equal(heap_open_copy(HEAP_LIMIT_MOST + 1, copied.bytes, copied.length, &twin),
                   STATUS_TOO_LARGE);
  assert_null(twin);
  assert_int_equal(heap_open_copy(used, copied.bytes, copied.length, &twin), STATUS_OK);
  assert_null(heap_resize(twin, NULL, 1));
  heap_close(twin);
  heap_close(heap);
  free(copied.bytes);
}

/* ---- pages ---- */

static void memory_that_is_not_used_is_not_touched(void **state)
{
  (void)state;
  struct heap *heap = open_heap(64 * MB);
  void *large = must_resize(heap, NULL, 32 * MB);
  void *wall = must_resize(heap, NULL, 16);
  assert_true(resident(heap, 256 * MB) <= 16 * KB);
  must_free(heap, large);
  void *half = must_resize(heap, NULL, 16 * MB);
  assert_true(resident(heap, 256 * MB) <= 32 * KB);
  must_free(heap, half);
  must_free(heap, wall);
  assert_true(resident(heap, 256 * MB) <= 32 * KB);
  heap_close(heap);
}

static void a_large_block_that_is_freed_gives_its_pages_back(void **state)
{
  (void)state;
  struct heap *heap = open_heap(64 * MB);
  for (int walled = 0; walled < 2; walled++) {
    void *large = must_resize(heap, NULL, 8 * MB);
    void *wall = walled ? must_resize(heap, NULL, 16) : NULL;
    memset(large, 1, 8 * MB);
    assert_true(resident(heap, 256 * MB) >= 8 * MB);
    must_free(heap, large);
    assert_true(resident(heap, 256 * MB) <= 64 * KB);
    assert_true(heap_check(heap));
    must_free(heap, wall);
  }
  heap_close(heap);
}

static void trim_gives_back_what_is_free(void **state)
{
  (void)state;
  enum { COUNT = 20 };
  struct heap *heap = open_heap(64 * MB);
  void *blocks[COUNT];
  for (size_t i = 0; i < COUNT; i++)
    blocks[i] = memset(must_resize(heap, NULL, 100 * KB), 7, 100 * KB);
  for (size_t i = 1; i < COUNT; i += 2) must_free(heap, blocks[i]);
  size_t before = resident(heap, 256 * MB);
  assert_true(before > COUNT * 100 * KB); /* no single run was worth the trouble */
  heap_trim(heap);
  assert_true(heap_check(heap));
  assert_true(resident(heap, 256 * MB) < before - COUNT / 2 * 90 * KB);
  for (size_t i = 0; i < COUNT; i += 2) {
    const char *bytes = blocks[i];
    for (size_t at = 0; at < 100 * KB; at++) assert_int_equal(bytes[at], 7);
    must_free(heap, blocks[i]);
  }
  heap_trim(heap);
  assert_true(heap_check(heap));
  assert_true(resident(heap, 256 * MB) <= 4 * KB + (size_t)sysconf(_SC_PAGESIZE));
  heap_close(heap);
}

static long faults(void)
{
  struct rusage usage;
  assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
  return usage.ru_minflt;
}

static void growing_and_shrinking_in_turns_soon_keeps_its_pages(void **state)
{
  (void)state;
  struct heap *heap = open_heap(64 * MB);
  for (int walled = 0; walled < 2; walled++) {
    long before = 0;
    for (int turn = 0; turn < 100; turn++) {
      void *large = must_resize(heap, NULL, 2 * MB);
      void *wall = walled ? must_resize(heap, NULL, 16) : NULL;
      memset(large, 1, 2 * MB);
      must_free(heap, large);
      must_free(heap, wall);
      if (turn == 10) before = faults();
    }
    /* Without bookkeeping it is 90 times the 512 pages. */
    if (sysconf(_SC_PAGESIZE) == 4096) assert_true(faults() - before < 2 * 512);
    heap_trim(heap);
    assert_true(resident(heap, 256 * MB) <= 64 * KB);
  }
  /* Since it was trimmed it is as careful as in the beginning. */
  must_free(heap, memset(must_resize(heap, NULL, 300 * KB), 1, 300 * KB));
  assert_true(resident(heap, 256 * MB) <= 64 * KB);
  heap_close(heap);
}

/* Only what was used since counts when it is decided whether to give back again. */
static void a_little_use_of_clean_pages_is_not_given_back_at_once(void **state)
{
  (void)state;
  struct heap *heap = open_heap(64 * MB);
  const size_t little = 200 * KB, all = 256 * MB;

  /* beyond the last block */
  must_free(heap, memset(must_resize(heap, NULL, 8 * MB), 1, 8 * MB));
  must_free(heap, memset(must_resize(heap, NULL, little), 1, little));
  assert_true(resident(heap, all) >= little);
  heap_trim(heap);
  assert_true(resident(heap, all) <= 64 * KB);

  /* at the start of a hole, which becomes a block and a smaller hole */
  void *hole = must_resize(heap, NULL, 8 * MB);
  void *after = must_resize(heap, NULL, little), *wall = must_resize(heap, NULL, 1);
  memset(hole, 1, 8 * MB);
  must_free(heap, hole);
  assert_true(resident(heap, all) <= 64 * KB);
  must_free(heap, memset(must_resize(heap, NULL, little), 1, little));
  assert_true(resident(heap, all) >= little);
  heap_trim(heap);
  assert_true(resident(heap, all) <= 64 * KB);

  /* after a hole */
  must_free(heap, memset(after, 1, little));
  assert_true(resident(heap, all) >= little);
  heap_trim(heap);
  assert_true(resident(heap, all) <= 64 * KB);
  must_free(heap, wall);
  heap_close(heap);
}

static void the_books_of_a_block_on_a_page_border_outlive_a_trim(void **state)
{
  (void)state;
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  struct heap *heap = open_heap(64 * MB);
  void *blocks[4];
  for (size_t i = 0; i < 4; i++) {
    /* a wall up to the border, where the contents of the next block begin */
    (void)must_resize(heap, NULL, 2 * page - heap_extent(heap) % page - 8);
    blocks[i] = must_resize(heap, NULL, 32 * page);
    assert_int_equal((uintptr_t)blocks[i] % page, 0);
  }
  for (size_t i = 0; i < 4; i += 2) must_free(heap, memset(blocks[i], 1, 32 * page));
  heap_trim(heap);
  assert_true(heap_check(heap));
  for (size_t i = 1; i < 4; i += 2) must_free(heap, blocks[i]);
  assert_true(heap_check(heap));
  heap_close(heap);
}

static void a_cleared_heap_is_as_good_as_new_and_keeps_its_first_pages(void **state)
{
  (void)state;
  struct heap *heap = open_heap(64 * MB);
  size_t empty = heap_extent(heap);
  for (int turn = 0; turn < 3; turn++) {
    for (size_t i = 0; i < 100; i++) {
      void *block = must_resize(heap, NULL, 100 * KB);
      memset(block, 1, 100 * KB);
      if (i % 3 == 0) must_free(heap, block);
    }
    assert_int_equal(heap_set_limit(heap, MB), STATUS_OK);
    heap_clear(heap);
    assert_true(heap_check(heap));
    assert_int_equal(heap_used(heap), 0);
    assert_int_equal(heap_peak(heap), 0);
    assert_int_equal(heap_limit(heap), 64 * MB);
    assert_int_equal(heap_extent(heap), empty);
    assert_in_range(resident(heap, 256 * MB), 200 * KB, 300 * KB);
  }
  heap_close(heap);
}

/* ---- copies ---- */

#if defined __has_attribute
__attribute__((no_sanitize_address))
#endif
static void
copy_bytes(void *to, const void *from, size_t bytes)
{
  for (size_t i = 0; i < bytes; i++) ((volatile char *)to)[i] = ((const volatile char *)from)[i];
}

static void a_copy_of_the_extent_elsewhere_is_a_heap(void **state)
{
  (void)state;
  struct heap *heap = open_heap(4 * MB), *copy = open_heap(4 * MB);
  void *blocks[50];
  for (size_t i = 0; i < 50; i++)
    blocks[i] = memset(must_resize(heap, NULL, i * 50 + 1), (int)i, i * 50 + 1);
  for (size_t i = 0; i < 50; i += 4) must_free(heap, blocks[i]);
  copy_bytes(copy, heap, heap_extent(heap));
  ptrdiff_t distance = (char *)copy - (char *)heap;
  heap_close(heap);

  assert_true(heap_check(copy));
  for (size_t i = 0; i < 50; i++) {
    if (i % 4 == 0) continue;
    char *block = (char *)blocks[i] + distance;
    assert_int_equal(block[i * 50], i);
    must_free(copy, block);
  }
  assert_int_equal(heap_used(copy), 0);
  assert_true(heap_check(copy));
  heap_close(copy);
}

/* ---- our own bugs ---- */

#ifndef NDEBUG
static int free_twice(void)
{
  struct heap *heap = NULL;
  if (heap_open(MB, &heap) != STATUS_OK) return 1;
  void *first = heap_resize(heap, NULL, 100), *block = heap_resize(heap, NULL, 100);
  void *wall = heap_resize(heap, NULL, 100);
  (void)heap_resize(heap, first, 0);
  (void)heap_resize(heap, block, 0); /* joins the first */
  (void)wall;
  (void)heap_resize(heap, block, 0);
  return 0;
}

static int free_twice_the_last(void)
{
  struct heap *heap = NULL;
  if (heap_open(MB, &heap) != STATUS_OK) return 1;
  void *block = heap_resize(heap, NULL, 100);
  (void)heap_resize(heap, block, 0);
  (void)heap_resize(heap, block, 0);
  return 0;
}

/* Right away and after others, from every place of a shelf, and when it rests no more. */
static int free_twice_later(size_t bytes, size_t others, bool trim, size_t again)
{
  struct heap *heap = NULL;
  void *blocks[20];
  if (heap_open(MB, &heap) != STATUS_OK || !heap_resize(heap, NULL, 1)) return 1;
  for (size_t i = 0; i < 20; i++) blocks[i] = heap_resize(heap, NULL, bytes);
  if (!heap_resize(heap, NULL, 1)) return 1;
  for (size_t i = 0; i <= others; i++) (void)heap_resize(heap, blocks[i], 0);
  if (trim) heap_trim(heap);
  (void)heap_resize(heap, blocks[again], 0);
  return 0;
}

static int free_twice_after_some(void) { return free_twice_later(100, 5, false, 0); }
static int free_twice_after_many(void) { return free_twice_later(16, 15, false, 0); }
static int free_twice_joined(void) { return free_twice_later(100, 3, true, 0); }
static int free_twice_joined_with_all(void) { return free_twice_later(1000, 19, true, 0); }

static int free_twice_joined_on_both_sides(void) { return free_twice_later(100, 19, true, 9); }

static int resize_what_rests(void)
{
  struct heap *heap = NULL;
  if (heap_open(MB, &heap) != STATUS_OK || !heap_resize(heap, NULL, 1)) return 1;
  void *block = heap_resize(heap, NULL, 100);
  (void)heap_resize(heap, block, 0);
  (void)heap_resize(heap, block, 50);
  return 0;
}

static int free_wild(void)
{
  struct heap *heap = NULL;
  if (heap_open(MB, &heap) != STATUS_OK) return 1;
  char *block = heap_resize(heap, NULL, 100);
  memset(block, 1, 100);
  (void)heap_resize(heap, block + 16, 0);
  return 0;
}

static int resize_foreign(void)
{
  struct heap *heap = NULL;
  char block[64] __attribute__((aligned(16))) = "";
  if (heap_open(MB, &heap) != STATUS_OK) return 1;
  (void)heap_resize(heap, block, 10);
  return 0;
}

static void a_pointer_that_is_no_block_is_caught_by_assert(void **state)
{
  (void)state;
  int (*const wrongs[])(void) = {free_twice,
                                 free_twice_the_last,
                                 free_twice_after_some,
                                 free_twice_after_many,
                                 free_twice_joined,
                                 free_twice_joined_with_all,
                                 free_twice_joined_on_both_sides,
                                 resize_what_rests,
                                 free_wild,
                                 resize_foreign};
  for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
    int result = in_a_child(wrongs[i]);
    assert_true(WIFSIGNALED(result));
    assert_int_equal(WTERMSIG(result), SIGABRT);
  }
}
#endif

static void writes_outside_a_block_are_seen_by_check(void **state)
{
  (void)state;
#ifndef POISONS
  struct heap *heap = open_heap(MB);
  char *block = must_resize(heap, NULL, 24);
  (void)must_resize(heap, NULL, 24);
  assert_true(heap_check(heap));
  memset(block + 24, 0x55, 8);
  assert_false(heap_check(heap));
  heap_close(heap);
#endif
}

#ifdef POISONS
static void all_but_the_bytes_asked_for_is_poisoned(void **state)
{
  (void)state;
  struct heap *heap = open_heap(MB);
  for (size_t bytes = 1; bytes < 100; bytes++) {
    char *block = must_resize(heap, NULL, bytes);
    assert_null(__asan_region_is_poisoned(block, bytes));
    assert_true(__asan_address_is_poisoned(block + bytes));
    assert_true(__asan_address_is_poisoned(block - 1));
    void *wall = must_resize(heap, NULL, 1);
    for (size_t other = 100; other > 9; other -= 9) {
      block = must_resize(heap, block, other);
      assert_null(__asan_region_is_poisoned(block, other));
      assert_true(__asan_address_is_poisoned(block + other));
    }
    must_free(heap, block);
    assert_true(__asan_address_is_poisoned(block));
    must_free(heap, wall);
  }
  char *block = must_resize(heap, NULL, 1000);
  heap_clear(heap);
  assert_true(__asan_address_is_poisoned(block));
  block = must_resize(heap, NULL, MB - 8);
  must_free(heap, block);
  heap_close(heap);
  /* Who gets the addresses next must find them usable. */
  assert_null(__asan_region_is_poisoned(block, MB - 8));
}
#endif

/* ---- mruby in a heap ---- */

static void *allocate(mrb_state *mrb, void *block, size_t bytes, void *heap)
{
  (void)mrb;
  return heap_resize(heap, block, bytes);
}

static void mruby_runs_in_a_heap_and_is_dropped_with_it(void **state)
{
  (void)state;
  struct heap *heap = open_heap(64 * MB);
  for (int turn = 0; turn < 3; turn++) {
    mrb_state *mrb = mrb_open_allocf(allocate, heap);
    assert_non_null(mrb);
    assert_true(heap_holds(heap, mrb));
    mrb_value value = mrb_load_string(
        mrb, "h = {}; 2000.times { |i| h[i.to_s * 3] = [i] * (i % 50) }\n"
             "500.times { |i| h.delete((i * 3).to_s * 3) }; s = ''\n"
             "h.each { |k, v| s << k << v.inspect }; 2000.times { |i| s.slice(i, i).upcase }\n"
             "s.size.to_s");
    assert_null(mrb->exc);
    assert_string_equal(RSTRING_PTR(value), "218385");
    assert_true(heap_check(heap));
    heap_clear(heap);
  }
  heap_close(heap);
}

static void mruby_gives_all_back_when_it_is_closed(void **state)
{
  (void)state;
  struct heap *heap = open_heap(64 * MB);
  size_t empty = heap_extent(heap);
  mrb_state *mrb = mrb_open_allocf(allocate, heap);
  assert_non_null(mrb);
  (void)mrb_load_string(mrb, "1000.times { |i| eval_me = \"#{i}\" * i }");
  assert_null(mrb->exc);
  mrb_close(mrb);
  assert_int_equal(heap_used(heap), 0);
  assert_int_equal(heap_extent(heap), empty);
  assert_true(heap_check(heap));
  heap_close(heap);
}

static void a_memory_bomb_ends_within_the_limit(void **state)
{
  (void)state;
  static const char *const bombs[] = {
      "a = []; loop { a << 'x' * 100_000 }",
      "s = 'x' * 1000; loop { s << s }",
      "a = [1]; loop { a.concat(a) }",
      "'x' * (1 << 40)",
      "Array.new(1 << 40)",
      "1 << (1 << 33)",
  };
  for (size_t i = 0; i < sizeof bombs / sizeof *bombs; i++) {
    struct heap *heap = open_heap(16 * MB);
    mrb_state *mrb = mrb_open_allocf(allocate, heap);
    assert_non_null(mrb);
    (void)mrb_load_string(mrb, bombs[i]);
    assert_non_null(mrb->exc);
    assert_true(heap_peak(heap) <= heap_limit(heap));
    assert_true(heap_check(heap));
    heap_close(heap);
  }
}

static void mruby_does_not_open_where_there_is_no_room(void **state)
{
  (void)state;
  struct heap *heap = open_heap(1000);
  assert_null(mrb_open_allocf(allocate, heap));
  assert_true(heap_check(heap));
  heap_close(heap);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_open_heap_is_empty_and_has_touched_one_page),
      cmocka_unit_test(a_limit_that_is_too_high_is_refused),
      cmocka_unit_test(the_highest_limit_can_be_opened),
      cmocka_unit_test(a_mapping_that_fails_is_no_memory),
      cmocka_unit_test(closing_no_heap_does_nothing),
      cmocka_unit_test(a_heap_holds_its_blocks_and_nothing_else),
      cmocka_unit_test(zero_bytes_free_and_give_null),
      cmocka_unit_test(huge_sizes_are_refused_and_change_nothing),
      cmocka_unit_test(the_limit_counts_headers_and_rounding),
      cmocka_unit_test(the_limit_can_be_met_at_every_allocation),
      cmocka_unit_test(a_block_grows_and_shrinks_in_place_before_untried_ground),
      cmocka_unit_test(a_block_grows_in_place_into_a_free_one),
      cmocka_unit_test(a_block_grows_in_place_into_one_that_rests),
      cmocka_unit_test(a_block_that_cannot_move_within_the_limit_stays),
      cmocka_unit_test(a_block_of_the_same_size_is_used_again),
      cmocka_unit_test(a_trimmed_heap_has_nothing_that_rests),
#ifndef POISONS
      cmocka_unit_test(contents_like_those_of_a_resting_block_do_no_harm),
#endif
      cmocka_unit_test(freed_in_any_order_all_becomes_untried_ground),
      cmocka_unit_test(the_peak_is_the_most_that_was_ever_used),
      cmocka_unit_test(a_limit_can_be_lowered_below_what_is_used),
      cmocka_unit_test(a_region_that_is_full_of_holes_refuses_and_recovers),
      cmocka_unit_test(random_histories_keep_contents_and_invariants),
      cmocka_unit_test(many_small_blocks_waste_little_room),
      cmocka_unit_test(a_heap_has_nothing_of_the_one_before_it),
      cmocka_unit_test(a_copy_has_the_same_blocks),
      cmocka_unit_test(what_is_free_is_zeros_in_a_copy),
      cmocka_unit_test(a_copy_needs_room),
      cmocka_unit_test(memory_that_is_not_used_is_not_touched),
      cmocka_unit_test(a_large_block_that_is_freed_gives_its_pages_back),
      cmocka_unit_test(trim_gives_back_what_is_free),
      cmocka_unit_test(growing_and_shrinking_in_turns_soon_keeps_its_pages),
      cmocka_unit_test(a_little_use_of_clean_pages_is_not_given_back_at_once),
      cmocka_unit_test(the_books_of_a_block_on_a_page_border_outlive_a_trim),
      cmocka_unit_test(a_cleared_heap_is_as_good_as_new_and_keeps_its_first_pages),
      cmocka_unit_test(a_copy_of_the_extent_elsewhere_is_a_heap),
#ifndef NDEBUG
      cmocka_unit_test(a_pointer_that_is_no_block_is_caught_by_assert),
#endif
      cmocka_unit_test(writes_outside_a_block_are_seen_by_check),
#ifdef POISONS
      cmocka_unit_test(all_but_the_bytes_asked_for_is_poisoned),
#endif
      cmocka_unit_test(mruby_runs_in_a_heap_and_is_dropped_with_it),
      cmocka_unit_test(mruby_gives_all_back_when_it_is_closed),
      cmocka_unit_test(a_memory_bomb_ends_within_the_limit),
      cmocka_unit_test(mruby_does_not_open_where_there_is_no_room),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
