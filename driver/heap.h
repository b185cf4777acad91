/* The memory of one interpreter: an allocator in a region of address space of its own.
 *
 * A heap is one region (region.h). Everything is in it, the allocator's own books included, so ending an
 * interpreter gives that back, whatever state it was in; see heap.c.
 *
 * Threads: a heap has no lock and no thread-local state. One thread at a time may use it, the one
 * that holds the interpreter's running slice; who hands the interpreter on also hands on the heap.
 * heap_used, heap_peak, heap_limit, heap_extent and heap_holds only read.
 */
#ifndef RUBEAM_HEAP_H
#define RUBEAM_HEAP_H

#include "status.h"

#include <stdbool.h>
#include <stddef.h>

struct heap;

/* Every block starts at a multiple of this, and limits and figures are counted in steps of it. */
#define HEAP_ALIGNMENT 16

/* The highest limit that a heap can be opened with, in bytes. */
#define HEAP_LIMIT_MOST (((size_t)1 << 33) - ((size_t)1 << 20))

/* Opens an empty heap. `limit`, in bytes, is the most that may be allocated at a time, counting
 * for each block its 8 bytes of header and the rounding up to HEAP_ALIGNMENT.
 *
 * Reserves four times the limit and 64 KB of address space, and touches one page of it. The rest is
 * room for the holes between blocks: mruby was seen to spread over 1.2 times what it uses, sizes
 * that were meant to do harm over 2.8 times.
 *
 * The caller owns *heap and ends it with heap_close.
 * STATUS_TOO_LARGE: limit > HEAP_LIMIT_MOST. STATUS_NO_MEMORY: the system gave no mapping.
 */
MUST_CHECK enum status heap_open(size_t limit, struct heap **heap);

/* Gives the whole region back; every pointer into it is void. Valid at any time, also when a
 * heap_resize of this heap was abandoned in the middle and will never go on. NULL is fine.
 */
void heap_close(struct heap *heap);

/* Makes the heap as good as new, at the limit that it was opened with: every block is gone. Valid
 * at any time, like heap_close. The first 256 KB or so of its pages stay in memory: an interpreter
 * that starts in them is spared a page fault for each 4 KB, which take longer than all else.
 */
void heap_clear(struct heap *heap);

/* realloc and free in one, as mruby's allocator function wants it.
 *
 *   block == NULL  allocates `bytes`; with 0 bytes gives NULL
 *   bytes == 0     frees `block` and gives NULL
 *   else           gives a block of `bytes` with the contents of the old one up to the smaller of
 *                  both sizes; the old pointer is void
 *
 * NULL, with the old block as it was, when the limit or the region can't serve the request. While
 * a block moves, the old and the new one both count. Memory is not cleared.
 */
void *heap_resize(struct heap *heap, void *block, size_t bytes);

/* The bytes that a block holds: those asked for, rounded up. 0 for NULL. */
size_t heap_block_bytes(struct heap *heap, const void *block);

/* Sets another limit, up to the one that the heap was opened with. It may be below what is in use:
 * nothing is taken away, but no block can be had or grow until enough is freed.
 * STATUS_TOO_LARGE: above the limit at opening; nothing changed.
 */
MUST_CHECK enum status heap_set_limit(struct heap *heap, size_t limit);

/* From now on blocks are zeros when they are allocated, and what is added to them: what was there before, which a user may
 * leave in gaps of what it writes, is not seen in copies. */
void heap_clear_blocks(struct heap *heap);

/* Gives all pages of large free runs back to the system (runs of 64 KB or more, and all beyond the
 * last block). heap_resize does the same by itself when a run has gathered enough of them, ever
 * more the more often that happened since the last heap_trim. So: call it when an interpreter falls
 * idle for a while, not after each request.
 */
void heap_trim(struct heap *heap);

/* Bytes: allocated now, the most so far, the most that may be. */
size_t heap_used(const struct heap *heap);
size_t heap_peak(const struct heap *heap);
size_t heap_limit(const struct heap *heap);

/* Bytes from the start of the region (the heap pointer itself) to the end of its last block; a multiple
 * of HEAP_ALIGNMENT.
 * Nothing that the heap keeps lies beyond, and nothing that it keeps about itself is an address. So
 * a copy of these bytes can be the beginning of another heap, with the same blocks at the same distances; only
 * pointers that its user stored need relocating.
 */
size_t heap_extent(const struct heap *heap);

/* Such a copy: heap_extent(heap) bytes to `bytes`, with zeros for what is free. What rested is freed before; so the
 * extent must be asked for after a heap_trim. */
void heap_copy_out(struct heap *heap, void *bytes);

/* Opens a heap with the blocks of that copy; else as heap_open. What the heap it was made of has used, is used here.
 * STATUS_NO_MEMORY also when that is more than the limit.
 */
MUST_CHECK enum status heap_open_copy(size_t limit, const void *bytes, size_t length,
                                      struct heap **heap);

/* Bytes of address space. */
size_t heap_reserved(const struct heap *heap);

/* Does the address lie within the extent? */
bool heap_holds(const struct heap *heap, const void *address);

/* Walks the whole heap and tells if its books are right. For tests: slow. Changes nothing. */
MUST_CHECK bool heap_check(struct heap *heap);

#endif
