/* Address space for heaps: reserved, committed by the page as it is touched, and kept for the next heap.
 *
 * Who opens and closes many small heaps would spend most of the time in the system: a page fault for each 4 KB. So
 * of the regions that are given back a few stay, with their first pages in memory; at most REGION_SPARES
 * times REGION_KEPT bytes.
 *
 * Any thread; one lock for the list of spares, held for microseconds.
 */
#ifndef RUBEAM_REGION_H
#define RUBEAM_REGION_H

#include "status.h"

#include <stddef.h>

#define REGION_SPARES 32
#define REGION_KEPT   ((size_t)384 << 10)

struct region {
  void *at;
  size_t bytes;   /* a multiple of the page size */
  size_t touched; /* from here on it is zeros, and not in memory; below it may be anything */
};

/* STATUS_NO_MEMORY: the system gave no mapping. */
MUST_CHECK enum status region_open(size_t bytes, struct region *region);

/* The first so many bytes will be written at once: has the system do in one go what would be a page fault for each
 * 4 KB. They stay what they are. */
void region_prepare(struct region *region, size_t bytes);

/* `touched` must be true; more than there is means all. */
void region_close(const struct region *region);

/* Gives all but so many of the spare ones back to the system. */
void region_trim(size_t most);

#endif
