/* The memory of one interpreter.
 *
 * For: the allocator behind one mruby state. mruby calls it for each object page, string and table
 * that grows, and about a hundred times for each eval.
 *
 * Guarantees:
 * - All is in one region (region.c), so that ending an interpreter gives that back, with no walk and no
 *   mrb_close, also when its code was stopped for ever at an arbitrary instruction.
 * - No lock: not libc's malloc, since a C stack that overflows in there would leave its lock held.
 * - Allocating and freeing take constant time, apart from copying and from calls of madvise. The
 *   worst is that all resting blocks are woken: at most SHELVES * SHELF_MOST = 128.
 * - What was never allocated is never touched: the system commits no page for it.
 * - The books hold offsets from the start of the region and no address, so that the bytes of a
 *   region can be copied elsewhere (heap_extent).
 *
 * Thread: whoever holds the interpreter's running slice, one at a time.
 *
 * Leaves out: what to do when the limit is reached, counting requests, switching jobs. That is the
 * caller's. It does not withstand code that writes outside its blocks; builds with assert find
 * a double free or a wild pointer, builds with AddressSanitizer find the wrong access itself.
 * With vm.overcommit_memory=2 Linux counts the whole reservation in spite of MAP_NORESERVE.
 *
 * How: the region is counted in units of 16 bytes. `struct heap` is followed by blocks without
 * gaps, up to `top`; from there to `end` is untried ground. A block begins with an 8-byte header:
 * its own size and the size of the block before it, so both neighbours can be found. Neighbouring
 * free blocks are joined at once, and the last block before `top` is never free: it joins what lies
 * beyond. Free blocks are on lists by size, 16 lists for each power of two, with a bitmap of lists
 * that are not empty (the idea is TLSF's: Masmano, Ripoll, Crespo, Real, ECRTS 2004).
 *
 * Before it becomes free, a block rests for a while: each compilation asks for the same few sizes
 * and frees them again, and splitting and joining them each time took twice as long as all else
 * that an allocator does. A resting block is on a shelf, for the next request of exactly its size;
 * to its neighbours it is an allocated one. It is woken, that is freed and joined, when another
 * size needs its shelf, when too much rests, when a neighbour could grow into it, when
 * something does not fit elsewhere, and when the last block that is in use is freed.
 *
 *           unit 0                first                      top          touched           end
 *             | struct heap | block | block | free | block |  never used or given back  |
 */
#include "heap.h"

#include "region.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define POISONS 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define POISONS 1
#endif

/* Under AddressSanitizer all but the bytes that were asked for is poisoned, headers included, so
 * there are 8 bytes at least between two blocks. The functions here look at headers all the same.
 */
#ifdef POISONS
#include <sanitizer/asan_interface.h>
#define UNCHECKED               __attribute__((no_sanitize_address))
#define POISON(address, size)   __asan_poison_memory_region((address), (size))
#define UNPOISON(address, size) __asan_unpoison_memory_region((address), (size))
#else
#define UNCHECKED
#define POISON(address, size)   ((void)(address), (void)(size))
#define UNPOISON(address, size) ((void)(address), (void)(size))
#endif

#define UNIT   ((size_t)HEAP_ALIGNMENT)
#define HEADER ((size_t)8)
#define FREE   1u

#define LISTS 448 /* list_of(any uint32_t below 2^31) is less */
#define WORDS (LISTS / 64)
#define EXACT 32u /* blocks of fewer units are on lists of one size */
#define TRIES 4   /* blocks of the own list that are looked at, when it holds several sizes */

/* What may rest: blocks on one shelf, units of one block, units in all. */
#define SHELVES      16
#define SHELF_MOST   8
#define REST_LARGEST (uint32_t)(((size_t)32 << 10) / UNIT)
#define REST_MOST    (uint32_t)(((size_t)128 << 10) / UNIT)

/* A resting block says so in its contents: with its own place, so that this is hardly ever found
 * elsewhere. Where it is found, its shelf is asked. */
#define RESTING 0xe39c5a17u

/* Runs from this on know which of their pages were given back; in units. */
#define LARGE      (uint32_t)(((size_t)64 << 10) / UNIT)
#define KEEP_FIRST (uint32_t)(((size_t)256 << 10) / UNIT)
#define KEEP_MOST  (uint32_t)(((size_t)16 << 20) / UNIT)

/* Whole pages, in units: from <= x < to; none if from == to. */
struct span {
  uint32_t from, to;
};

/* A block is named by the unit where its contents begin, 8 bytes after its header: unit 0 is
 * struct heap and so means none. `size` units reach to the contents of the next block.
 */
struct block {
  uint32_t before;         /* size of the block before it, 0 for the first */
  uint32_t tag;            /* 2 * size, + FREE */
  uint32_t next, previous; /* free blocks, from here: neighbours in the list; resting ones: next on
                            * the shelf, and the mark */
  struct span clean;       /* from LARGE on: pages not touched since they were given back */
};

/* Resting blocks of one size. */
struct shelf {
  uint32_t first; /* 0: none; the others follow by `next` */
  uint16_t size, count;
};

struct heap {
  size_t reserved;          /* bytes of the region */
  uint32_t most;            /* the highest limit */
  uint32_t limit;           /* of used */
  uint32_t used, peak;      /* in allocated blocks that do not rest */
  uint32_t resting;         /* in blocks that do */
  uint32_t first, top, end; /* see above */
  uint32_t last;            /* size of the last block before top, 0 if there is none */
  uint32_t touched;         /* from here to end all pages are clean */
  uint32_t highest;         /* what touched was at most when it was lowered */
  uint32_t page;            /* size of a page */
  bool clears;              /* blocks, when they are allocated */
  uint32_t keep;            /* free pages of a run that are kept until heap_trim */
  uint64_t filled[WORDS];   /* one bit for each list that is not empty */
  uint32_t lists[LISTS];
  struct shelf shelves[SHELVES];
};

_Static_assert(sizeof(void *) == 8, "HEAP_LIMIT_MOST needs 64 bits");
_Static_assert(offsetof(struct block, next) == HEADER, "the header is the first 8 bytes");
_Static_assert(sizeof(struct block) == HEADER + UNIT, "inner_pages counts on it");
_Static_assert(SHELVES == 16, "shelf_of counts on it");
_Static_assert(sizeof(struct heap) <= 2048, "an empty heap should leave room in its first page");
_Static_assert(((size_t)32 << 10) / UNIT <= UINT16_MAX, "a shelf holds a size in 16 bits");

/* ---- blocks ---- */

UNCHECKED static inline void *unit_at(struct heap *heap, uint32_t at)
{
  return (char *)heap + at * UNIT;
}

UNCHECKED static inline struct block *block_at(struct heap *heap, uint32_t at)
{
  return (void *)((char *)heap + at * UNIT - HEADER);
}

UNCHECKED static inline uint32_t size_of(const struct block *block) { return block->tag >> 1; }

UNCHECKED static inline bool is_free(const struct block *block) { return (block->tag & FREE) != 0; }

UNCHECKED static inline size_t contents_of(uint32_t size) { return size * UNIT - HEADER; }

/* The size of a block for so many bytes; at most HEAP_LIMIT_MOST of them. */
static inline uint32_t size_for(size_t bytes)
{
  return (uint32_t)((bytes + HEADER + UNIT - 1) / UNIT);
}

/* Do the block and its neighbours agree? Cheap: block_free looks at the same headers. */
UNCHECKED static bool check_block(struct heap *heap, uint32_t at)
{
  if (at < heap->first || at >= heap->top) return false;
  const struct block *block = block_at(heap, at);
  uint32_t size = size_of(block);
  if (size == 0 || size > heap->top - at || block->before > at - heap->first) return false;
  if ((block->before == 0) != (at == heap->first)) return false;
  if (at > heap->first && size_of(block_at(heap, at - block->before)) != block->before)
    return false;
  uint32_t after = at + size;
  return size == (after == heap->top ? heap->last : block_at(heap, after)->before);
}

/* A factor with which the sizes that mruby's compiler asks for most do not share shelves: 1 to 5, 7,
 * 9, 13, 25, 33, 49, 65, 129 and 1003 units. */
static inline uint32_t shelf_of(uint32_t size) { return size * 0xed2f89d9u >> 28; }

UNCHECKED static inline bool is_marked(struct heap *heap, uint32_t at)
{
  return block_at(heap, at)->previous == (at ^ RESTING);
}

/* Does this block, which is not free, rest? */
UNCHECKED static bool rests(struct heap *heap, uint32_t at)
{
  if (!is_marked(heap, at)) return false;
  uint32_t size = size_of(block_at(heap, at));
  const struct shelf *shelf = &heap->shelves[shelf_of(size)];
  uint32_t each = shelf->count != 0 && shelf->size == size ? shelf->first : 0;
  while (each != 0 && each != at) each = block_at(heap, each)->next;
  return each != 0;
}

/* The block of a pointer that the user gives back: one of ours, and not freed before. Checked in
 * every build, since what frees a block twice is a bug in mruby that some script has found: abort()
 * on a job's stack ends the interpreter alone (fault.c). */
UNCHECKED static inline uint32_t find_block(struct heap *heap, const void *contents)
{
  size_t offset = (size_t)((uintptr_t)contents - (uintptr_t)heap);
  uint32_t at = (uint32_t)(offset / UNIT);
  if (__builtin_expect(offset % UNIT != 0 || offset >= heap_extent(heap), 0)) abort();
  if (__builtin_expect(!check_block(heap, at) || is_free(block_at(heap, at)), 0)) abort();
  if (__builtin_expect(rests(heap, at), 0)) abort();
  return at;
}

/* ---- lists of free blocks ---- */

/* One list for each size below EXACT, then 16 for each power of two. */
static inline uint32_t list_of(uint32_t size)
{
  uint32_t shift = 27u - (uint32_t)__builtin_clz(size | 16);
  return 16 * shift + (size >> shift);
}

UNCHECKED static inline void list_add(struct heap *heap, uint32_t at, uint32_t size)
{
  uint32_t list = list_of(size);
  struct block *block = block_at(heap, at);
  block->tag = 2 * size | FREE;
  block->next = heap->lists[list];
  block->previous = 0;
  if (block->next != 0) block_at(heap, block->next)->previous = at;
  heap->lists[list] = at;
  heap->filled[list / 64] |= (uint64_t)1 << (list % 64);
}

UNCHECKED static inline void list_remove(struct heap *heap, uint32_t at)
{
  const struct block *block = block_at(heap, at);
  if (block->next != 0) block_at(heap, block->next)->previous = block->previous;
  if (block->previous != 0) {
    block_at(heap, block->previous)->next = block->next;
    return;
  }
  uint32_t list = list_of(size_of(block));
  heap->lists[list] = block->next;
  if (block->next == 0) heap->filled[list / 64] &= ~((uint64_t)1 << (list % 64));
}

/* A free block of at least this size, or 0. */
UNCHECKED static inline uint32_t list_find(struct heap *heap, uint32_t size)
{
  uint32_t list = list_of(size);
  if (size >= EXACT) {
    /* Any block of the next list will do, but often one of this size has just been freed. */
    uint32_t at = heap->lists[list];
    for (int tries = TRIES; at != 0 && tries > 0; tries--) {
      if (size_of(block_at(heap, at)) >= size) return at;
      at = block_at(heap, at)->next;
    }
    list++;
  }
  uint32_t word = list / 64;
  uint64_t lists = heap->filled[word] & (~(uint64_t)0 << (list % 64));
  while (lists == 0) {
    if (++word == WORDS) return 0;
    lists = heap->filled[word];
  }
  return heap->lists[word * 64 + (uint32_t)__builtin_ctzll(lists)];
}

/* ---- pages that are given back ---- */

static inline uint32_t length(struct span span) { return span.to - span.from; }

static inline uint32_t page_up(const struct heap *heap, uint32_t at)
{
  return (at + heap->page - 1) & ~(heap->page - 1);
}

/* The pages of a free block that hold nothing but free memory. */
UNCHECKED static struct span inner_pages(const struct heap *heap, uint32_t at, uint32_t size)
{
  struct span span = {page_up(heap, at + 1), (at + size - 1) & ~(heap->page - 1)};
  return span.from < span.to ? span : (struct span){0, 0};
}

UNCHECKED static inline struct span clean_of(struct heap *heap, uint32_t at)
{
  const struct block *block = block_at(heap, at);
  return size_of(block) >= LARGE ? block->clean : (struct span){0, 0};
}

/* What the system does with a page is no matter to the heap (pages that are locked in memory stay):
 * it counts on no contents.
 */
UNCHECKED static void give_back(struct heap *heap, struct span span)
{
  (void)madvise(unit_at(heap, span.from), length(span) * UNIT, MADV_DONTNEED);
}

UNCHECKED static void trim_block(struct heap *heap, uint32_t at)
{
  struct block *block = block_at(heap, at);
  struct span inner = inner_pages(heap, at, size_of(block));
  if (length(inner) == length(block->clean)) return;
  give_back(heap, inner);
  block->clean = inner;
}

/* Keeps so many units of the pages after the last block. */
UNCHECKED static void trim_top(struct heap *heap, uint32_t kept)
{
  uint32_t from = page_up(heap, heap->top + kept);
  if (heap->touched <= from) return;
  give_back(heap, (struct span){from, heap->touched});
  if (heap->touched > heap->highest) heap->highest = heap->touched;
  heap->touched = from;
}

/* Pages that are given back and used again cost a page fault each. Each time is a sign that this
 * may be a program that grows and shrinks in turns, so it may keep twice as much the next time.
 */
UNCHECKED static void keep_more(struct heap *heap)
{
  if (heap->keep < KEEP_MOST) heap->keep *= 2;
}

/* ---- runs of free units, not on a list ---- */

/* Puts a run between two allocated blocks on its list. Its header says already what is before it.
 * `clean` are pages known to be clean; only at its start may the run have lost some of them.
 */
UNCHECKED static inline void run_keep(struct heap *heap, uint32_t at, uint32_t size,
                                      struct span clean)
{
  block_at(heap, at + size)->before = size;
  list_add(heap, at, size);
  if (size < LARGE) return;
  struct span inner = inner_pages(heap, at, size);
  if (clean.from < inner.from) clean.from = inner.from;
  if (clean.from >= clean.to) clean = (struct span){0, 0};
  block_at(heap, at)->clean = clean;
  if (length(inner) - length(clean) > heap->keep) {
    trim_block(heap, at);
    keep_more(heap);
  }
}

/* Frees a run after an allocated block: joins it with what follows. */
UNCHECKED static inline void run_free(struct heap *heap, uint32_t at, uint32_t size,
                                      struct span clean)
{
  uint32_t after = at + size;
  if (after == heap->top) {
    heap->top = at;
    heap->last = block_at(heap, at)->before;
    if (heap->touched - at > heap->keep) {
      trim_top(heap, 0);
      keep_more(heap);
    }
    return;
  }
  const struct block *next = block_at(heap, after);
  if (is_free(next)) {
    struct span other = clean_of(heap, after);
    if (length(other) > length(clean)) clean = other;
    size += size_of(next);
    list_remove(heap, after);
  }
  run_keep(heap, at, size, clean);
}

/* Makes the start of a run an allocated block and keeps the rest. */
UNCHECKED static inline void run_use(struct heap *heap, uint32_t at, uint32_t run, uint32_t size,
                                     struct span clean)
{
  block_at(heap, at)->tag = 2 * size;
  if (run == size) return;
  block_at(heap, at + size)->before = size;
  run_keep(heap, at + size, run - size, clean);
}

/* ---- heap_resize ---- */

static inline bool fits_limit(const struct heap *heap, uint32_t more)
{
  return heap->used + more <= heap->limit; /* both are below 2^31 */
}

static inline void count_used(struct heap *heap, uint32_t more)
{
  heap->used += more;
  if (heap->used > heap->peak) heap->peak = heap->used;
}

static inline void set_top(struct heap *heap, uint32_t at, uint32_t size)
{
  heap->last = size;
  heap->top = at + size;
  if (heap->top > heap->touched) heap->touched = heap->top;
}

/* The ways through heap_resize are kept apart, so that the short ones need not save the registers
 * that the long ones use (a quarter of their time).
 */
#define APART __attribute__((noinline))

/* Frees an allocated block that neither counts as used any more nor rests. */
UNCHECKED APART static void release(struct heap *heap, uint32_t at)
{
  const struct block *block = block_at(heap, at);
  uint32_t size = size_of(block);
  struct span clean = {0, 0};
  if (block->before != 0 && is_free(block_at(heap, at - block->before))) {
    at -= block->before;
    size += block->before;
    clean = clean_of(heap, at);
    list_remove(heap, at);
  }
  run_free(heap, at, size, clean);
}

/* An allocated block, from so many bytes on. */
UNCHECKED APART static void clear(struct heap *heap, uint32_t at, size_t from)
{
  size_t bytes = contents_of(size_of(block_at(heap, at)));
  UNPOISON(unit_at(heap, at), bytes);
  if (bytes > from) memset((char *)unit_at(heap, at) + from, 0, bytes - from);
}

/* ---- blocks that rest ---- */

UNCHECKED APART static void clear_shelf(struct heap *heap, struct shelf *shelf)
{
  while (shelf->count > 0) {
    uint32_t at = shelf->first;
    shelf->first = block_at(heap, at)->next;
    shelf->count--;
    heap->resting -= shelf->size;
    release(heap, at);
  }
}

UNCHECKED APART static void wake_all(struct heap *heap)
{
  for (uint32_t i = 0; i < SHELVES && heap->resting > 0; i++) clear_shelf(heap, &heap->shelves[i]);
}

/* Frees the block if it rests. */
UNCHECKED static void wake(struct heap *heap, uint32_t at)
{
  struct block *block = block_at(heap, at);
  if (is_free(block) || !rests(heap, at)) return;
  struct shelf *shelf = &heap->shelves[shelf_of(size_of(block))];
  uint32_t *link = &shelf->first;
  while (*link != at) link = &block_at(heap, *link)->next;
  *link = block->next;
  shelf->count--;
  heap->resting -= shelf->size;
  release(heap, at);
}

/* A resting block of just this size; NULL: there is none, or the limit forbids it. */
UNCHECKED static inline void *shelf_take(struct heap *heap, size_t bytes)
{
  if (bytes > contents_of(REST_LARGEST)) return NULL;
  uint32_t size = size_for(bytes);
  struct shelf *shelf = &heap->shelves[shelf_of(size)];
  if (shelf->count == 0 || shelf->size != size || !fits_limit(heap, size)) return NULL;
  uint32_t at = shelf->first;
  shelf->first = block_at(heap, at)->next;
  shelf->count--;
  heap->resting -= size;
  block_at(heap, at)->previous = 0;
  count_used(heap, size);
  if (__builtin_expect(heap->clears, 0)) clear(heap, at, 0);
  UNPOISON(unit_at(heap, at), bytes);
  POISON((char *)unit_at(heap, at) + bytes, size * UNIT - bytes);
  return unit_at(heap, at);
}

/* The block may rest on the shelf: there is room, and something else is in use. */
UNCHECKED static inline void shelf_put(struct heap *heap, struct shelf *shelf, uint32_t at)
{
  struct block *block = block_at(heap, at);
  POISON(unit_at(heap, at), contents_of(shelf->size));
  block->next = shelf->first;
  block->previous = at ^ RESTING;
  shelf->first = at;
  shelf->count++;
  heap->resting += shelf->size;
  heap->used -= shelf->size;
}

static inline bool has_room(const struct heap *heap, const struct shelf *shelf)
{
  return shelf->count < SHELF_MOST && heap->resting + shelf->size <= REST_MOST &&
         heap->used != shelf->size;
}

/* Puts the user's block to rest where that is all there is to do; else block_free is to look at it. */
UNCHECKED static inline bool free_at_once(struct heap *heap, const void *contents)
{
  size_t offset = (size_t)((uintptr_t)contents - (uintptr_t)heap);
  uint32_t at = (uint32_t)(offset / UNIT);
  if (offset % UNIT != 0 || offset >= heap_extent(heap) || at < heap->first) return false;
  const struct block *block = block_at(heap, at);
  uint32_t size = size_of(block), after = at + size;
  struct shelf *shelf = &heap->shelves[shelf_of(size)];
  if (is_free(block) || shelf->size != size || size > heap->top - at) return false;
  if (size != (after == heap->top ? heap->last : block_at(heap, after)->before)) return false;
  if (is_marked(heap, at) || !has_room(heap, shelf)) return false;
  shelf_put(heap, shelf, at);
  return true;
}

/* ---- the ways through heap_resize ---- */

UNCHECKED APART static void *block_new(struct heap *heap, size_t bytes)
{
  if (bytes > HEAP_LIMIT_MOST) return NULL;
  uint32_t size = size_for(bytes);
  if (!fits_limit(heap, size)) return NULL;
  uint32_t at = list_find(heap, size);
  if (at == 0 && size > heap->end - heap->top) {
    wake_all(heap);
    at = list_find(heap, size);
  }
  if (at != 0) {
    struct span clean = clean_of(heap, at);
    list_remove(heap, at);
    run_use(heap, at, size_of(block_at(heap, at)), size, clean);
  } else {
    if (size > heap->end - heap->top) return NULL;
    at = heap->top;
    block_at(heap, at)->before = heap->last;
    block_at(heap, at)->tag = 2 * size;
    set_top(heap, at, size);
  }
  count_used(heap, size);
  if (__builtin_expect(heap->clears, 0)) clear(heap, at, 0);
  UNPOISON(unit_at(heap, at), bytes);
  POISON((char *)unit_at(heap, at) + bytes, size * UNIT - bytes);
  return unit_at(heap, at);
}

/* Of the block's shelf, if it may rest: makes room there. Else NULL. */
UNCHECKED static struct shelf *make_room(struct heap *heap, uint32_t size)
{
  struct shelf *shelf = &heap->shelves[shelf_of(size)];
  if (size > REST_LARGEST) return NULL;
  if (shelf->size != size) {
    clear_shelf(heap, shelf);
    shelf->size = (uint16_t)size;
  }
  if (heap->resting + size > REST_MOST) wake_all(heap);
  return has_room(heap, shelf) ? shelf : NULL;
}

/* NULL, so that heap_resize has nothing left to do. */
UNCHECKED APART static void *block_free(struct heap *heap, void *contents)
{
  uint32_t at = find_block(heap, contents);
  uint32_t size = size_of(block_at(heap, at));
  struct shelf *shelf = make_room(heap, size);
  if (shelf != NULL) {
    shelf_put(heap, shelf, at);
    return NULL;
  }
  heap->used -= size;
  POISON(contents, contents_of(size));
  release(heap, at);
  if (heap->used == 0) wake_all(heap);
  return NULL;
}

/* Another size in the same place, if there is room. */
UNCHECKED static bool block_fit(struct heap *heap, uint32_t at, uint32_t size)
{
  struct block *block = block_at(heap, at);
  uint32_t old = size_of(block);
  uint32_t after = at + old;
  if (size <= old) {
    if (size == old) return true;
    heap->used -= old - size;
    block->tag = 2 * size;
    block_at(heap, at + size)->before = size;
    run_free(heap, at + size, old - size, (struct span){0, 0});
    return true;
  }
  if (!fits_limit(heap, size - old)) return false;
  if (after != heap->top) wake(heap, after);
  if (after == heap->top) {
    if (size > heap->end - at) return false;
    block->tag = 2 * size;
    set_top(heap, at, size);
  } else {
    uint32_t run = old + size_of(block_at(heap, after));
    if (!is_free(block_at(heap, after)) || run < size) return false;
    struct span clean = clean_of(heap, after);
    list_remove(heap, after);
    block_at(heap, at + run)->before = run;
    run_use(heap, at, run, size, clean);
  }
  count_used(heap, size - old);
  return true;
}

UNCHECKED APART static void *block_resize(struct heap *heap, void *contents, size_t bytes)
{
  if (bytes > HEAP_LIMIT_MOST) return NULL;
  uint32_t at = find_block(heap, contents);
  size_t old = contents_of(size_of(block_at(heap, at)));
  if (block_fit(heap, at, size_for(bytes))) {
    if (__builtin_expect(heap->clears, 0)) clear(heap, at, old);
    POISON(contents, old);
    UNPOISON(contents, bytes);
    POISON((char *)contents + bytes, size_for(bytes) * UNIT - bytes);
    return contents;
  }
  void *fresh = shelf_take(heap, bytes);
  if (fresh == NULL) fresh = block_new(heap, bytes);
  if (fresh == NULL) return NULL;
  UNPOISON(contents, old);
  memcpy(fresh, contents, old);
  (void)block_free(heap, contents);
  return fresh;
}

void *heap_resize(struct heap *heap, void *block, size_t bytes)
{
  if (bytes == 0)
    return block == NULL || free_at_once(heap, block) ? NULL : block_free(heap, block);
  if (block != NULL) return block_resize(heap, block, bytes);
  void *fresh = shelf_take(heap, bytes);
  return fresh != NULL ? fresh : block_new(heap, bytes);
}

UNCHECKED size_t heap_block_bytes(struct heap *heap, const void *block)
{
  return block == NULL ? 0 : contents_of(size_of(block_at(heap, find_block(heap, block))));
}

/* ---- the region ---- */

/* As fresh from the system: what an interpreter leaves behind is not for the next one. */
static void forget(struct heap *heap, size_t touched)
{
  memset(heap, 0, touched);
  heap->touched = (uint32_t)(touched / UNIT);
}

/* All but the size of the region, and what is known of its pages, is as in a new heap. */
static void make_empty(struct heap *heap)
{
  heap->limit = heap->most;
  heap->used = heap->peak = heap->resting = 0;
  heap->first = (uint32_t)((sizeof *heap + HEADER + UNIT - 1) / UNIT);
  heap->top = heap->first;
  heap->end = (uint32_t)(heap->reserved / UNIT);
  heap->last = 0;
  heap->clears = false;
  if (heap->touched < heap->top) heap->touched = heap->top;
  heap->keep = KEEP_FIRST;
  memset(heap->filled, 0, sizeof heap->filled);
  memset(heap->lists, 0, sizeof heap->lists);
  memset(heap->shelves, 0, sizeof heap->shelves);
  POISON(block_at(heap, heap->first), HEADER);
}

static size_t page_bytes(void) { return (size_t)sysconf(_SC_PAGESIZE); }

static size_t reservation(size_t limit)
{
  size_t page = page_bytes();
  return (4 * limit + ((size_t)64 << 10) + page - 1) & ~(page - 1);
}

enum status heap_open(size_t limit, struct heap **out)
{
  if (limit > HEAP_LIMIT_MOST) return STATUS_TOO_LARGE;
  size_t reserved = reservation(limit);
  struct region region;
  enum status status = region_open(reserved, &region);
  if (status) return status;
  struct heap *heap = region.at;
  forget(heap, region.touched);
  heap->reserved = reserved;
  heap->most = (uint32_t)(limit / UNIT);
  heap->page = (uint32_t)(page_bytes() / UNIT);
  make_empty(heap);
  *out = heap;
  return STATUS_OK;
}

void heap_clear_blocks(struct heap *heap) { heap->clears = true; }

UNCHECKED void heap_copy_out(struct heap *heap, void *bytes)
{
  wake_all(heap);
  UNPOISON(heap, heap_extent(heap));
  memcpy(bytes, heap, heap_extent(heap));
  struct heap *copy = bytes;
  copy->highest = 0;
  copy->clears = false;
  copy->touched = copy->top;
  copy->peak = copy->used;
  copy->keep = KEEP_FIRST;
  memset(copy->shelves, 0, sizeof copy->shelves);
  /* Free blocks come in the order of their places, whatever was freed first. */
  memset(copy->filled, 0, sizeof copy->filled);
  memset(copy->lists, 0, sizeof copy->lists);
  for (uint32_t at = copy->first; at < copy->top; at += size_of(block_at(copy, at))) {
    uint32_t size = size_of(block_at(copy, at));
    if (!is_free(block_at(copy, at))) continue;
    memset(unit_at(copy, at), 0, contents_of(size));
    list_add(copy, at, size);
  }
  memset(block_at(copy, copy->top), 0, HEADER); /* of a block that was there */
}

/* What AddressSanitizer knows of a block in another heap, it knows of its copy, but for a few bytes of rounding. */
UNCHECKED static void poison_copy(struct heap *heap)
{
#ifdef POISONS
  for (uint32_t at = heap->first; at < heap->top; at += size_of(block_at(heap, at))) {
    POISON(block_at(heap, at), HEADER);
    if (is_free(block_at(heap, at)))
      POISON(unit_at(heap, at), contents_of(size_of(block_at(heap, at))));
  }
#else
  (void)heap;
#endif
}

enum status heap_open_copy(size_t limit, const void *bytes, size_t length, struct heap **out)
{
  const struct heap *copy = bytes;
  struct region region;
  if (limit > HEAP_LIMIT_MOST) return STATUS_TOO_LARGE;
  size_t reserved = reservation(limit);
  if (length > reserved || copy->used > limit / UNIT) return STATUS_NO_MEMORY;
  enum status status = region_open(reserved, &region);
  if (status) return status;
  struct heap *heap = region.at;
  region_prepare(&region, length);
  memcpy(heap, bytes, length);
  if (region.touched > length) {
    memset((char *)heap + length, 0, region.touched - length);
    heap->touched = (uint32_t)(region.touched / UNIT);
  }
  heap->reserved = reserved;
  heap->most = heap->limit = (uint32_t)(limit / UNIT);
  heap->end = (uint32_t)(reserved / UNIT);
  poison_copy(heap);
  *out = heap;
  return STATUS_OK;
}

void heap_clear(struct heap *heap)
{
  POISON(block_at(heap, heap->first), (heap->touched - heap->first) * UNIT);
  make_empty(heap);
  trim_top(heap, KEEP_FIRST);
}

void heap_close(struct heap *heap)
{
  if (heap == NULL) return;
  size_t touched = page_up(heap, heap->touched) * UNIT;
  UNPOISON(heap, (heap->highest > heap->touched ? heap->highest : heap->touched) * UNIT);
  region_close(&(struct region){.at = heap, .bytes = heap->reserved, .touched = touched});
}

enum status heap_set_limit(struct heap *heap, size_t limit)
{
  if (limit / UNIT > heap->most) return STATUS_TOO_LARGE;
  heap->limit = (uint32_t)(limit / UNIT);
  return STATUS_OK;
}

UNCHECKED void heap_trim(struct heap *heap)
{
  wake_all(heap);
  for (uint32_t list = list_of(LARGE); list < LISTS; list++) {
    for (uint32_t at = heap->lists[list]; at != 0; at = block_at(heap, at)->next)
      trim_block(heap, at);
  }
  trim_top(heap, 0);
  heap->keep = KEEP_FIRST;
}

size_t heap_used(const struct heap *heap) { return heap->used * UNIT; }

size_t heap_peak(const struct heap *heap) { return heap->peak * UNIT; }

size_t heap_limit(const struct heap *heap) { return heap->limit * UNIT; }

size_t heap_extent(const struct heap *heap) { return heap->top * UNIT; }

size_t heap_reserved(const struct heap *heap) { return heap->reserved; }

bool heap_holds(const struct heap *heap, const void *address)
{
  return (uintptr_t)address - (uintptr_t)heap < heap_extent(heap);
}

/* ---- heap_check ---- */

UNCHECKED static bool check_free_block(struct heap *heap, uint32_t at)
{
  const struct block *block = block_at(heap, at);
  uint32_t after = at + size_of(block);
  if (after == heap->top || is_free(block_at(heap, after))) return false;
  if (size_of(block) < LARGE || length(block->clean) == 0) return true;
  struct span inner = inner_pages(heap, at, size_of(block)), clean = block->clean;
  return clean.from < clean.to && clean.from >= inner.from && clean.to <= inner.to &&
         clean.from % heap->page == 0 && clean.to % heap->page == 0;
}

/* The number of blocks on a list, SIZE_MAX if there is a wrong one. */
UNCHECKED static size_t check_list(struct heap *heap, uint32_t list)
{
  bool filled = (heap->filled[list / 64] >> (list % 64) & 1) != 0;
  if (filled != (heap->lists[list] != 0)) return SIZE_MAX;
  size_t count = 0;
  uint32_t previous = 0;
  for (uint32_t at = heap->lists[list]; at != 0; at = block_at(heap, at)->next) {
    if (at < heap->first || at >= heap->top) return SIZE_MAX;
    const struct block *block = block_at(heap, at);
    /* Each points back at the one before, so no list can run in a circle. */
    if (!is_free(block) || list_of(size_of(block)) != list || block->previous != previous)
      return SIZE_MAX;
    previous = at;
    count++;
  }
  return count;
}

/* The units that rest on a shelf, SIZE_MAX if it is wrong. */
UNCHECKED static size_t check_shelf(struct heap *heap, const struct shelf *shelf)
{
  uint32_t at = shelf->first;
  if (shelf->count > SHELF_MOST) return SIZE_MAX;
  for (uint32_t i = 0; i < shelf->count; i++) {
    if (at < heap->first || at >= heap->top || !is_marked(heap, at)) return SIZE_MAX;
    const struct block *block = block_at(heap, at);
    if (is_free(block) || size_of(block) != shelf->size) return SIZE_MAX;
    at = block->next;
  }
  return (size_t)shelf->count * shelf->size;
}

UNCHECKED bool heap_check(struct heap *heap)
{
  if (heap->top < heap->first || heap->touched < heap->top || heap->end < heap->touched)
    return false;
  if (heap->limit > heap->most || heap->used > heap->peak) return false;
  if (heap->top == heap->first && heap->last != 0) return false;

  size_t used = 0, in_heap = 0, in_lists = 0;
  for (uint32_t at = heap->first; at < heap->top; at += size_of(block_at(heap, at))) {
    if (!check_block(heap, at)) return false;
    if (is_free(block_at(heap, at))) {
      if (!check_free_block(heap, at)) return false;
      in_heap++;
    } else {
      used += size_of(block_at(heap, at));
    }
  }
  for (uint32_t list = 0; list < LISTS; list++) {
    size_t count = check_list(heap, list);
    if (count == SIZE_MAX) return false;
    in_lists += count;
  }
  size_t resting = 0;
  for (uint32_t i = 0; i < SHELVES; i++) {
    size_t units = check_shelf(heap, &heap->shelves[i]);
    if (units == SIZE_MAX) return false;
    resting += units;
  }
  return resting == heap->resting && used == heap->used + resting && in_heap == in_lists;
}
